// The try-it box of /docs/realtime: submit a job, subscribe to it, show each frame.
const byId = (id) => document.getElementById(id);
const [form, task, input, key, state, list] =
  ["try", "task", "input", "key", "state", "frames"].map(byId);
const ENDS = { "job.succeeded": "good", "job.failed": "bad", "job.cancelled": "bad", "job.expired": "bad" };
const examples = new Map();
let socket = null;
let started = 0;

const headers = () => (key.value ? { Authorization: `Bearer ${key.value}` } : {});

async function ask(path, options = {}) {
  const answer = await fetch(path, { ...options, headers: { ...headers(), ...options.headers } });
  const body = await answer.json();
  if (!answer.ok) throw new Error(`${body.title}: ${body.detail}`);
  return body;
}

async function loadTasks() {
  const { tasks } = await ask("/v1/tasks");
  task.replaceChildren(...tasks.map((each) => new Option(each.name, each.name)));
  for (const each of tasks) examples.set(each.name, each.examples[0] ?? {});
  showExample();
  say(tasks.length ? "" : "No worker has declared a task yet; start one, then reload.");
}

function showExample() {
  input.value = JSON.stringify(examples.get(task.value) ?? {}, null, 2);
}

function say(text) {
  state.textContent = text;
}

function note(who, title, frame, tone = "") {
  const at = `${((performance.now() - started) / 1000).toFixed(3)} s`;
  const summary = element("summary", "", element("span", "at", at), element("span", who, title[0]),
    element("b", tone, title[1]));
  const body = element("pre", "", JSON.stringify(frame, null, 2));
  list.append(element("li", "", element("details", "", summary, body)));
}

function element(name, kind, ...children) {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  made.append(...children);
  return made;
}

function send(frame) {
  socket.send(JSON.stringify(frame));
  note("sent", ["you →", frame.type], frame.token ? { ...frame, token: "(your key)" } : frame);
}

function hear(event) {
  const frame = JSON.parse(event.data);
  const name = frame.type === "next" ? frame.event : frame.type;
  note("", ["← us", name], frame, frame.type === "error" ? "bad" : ENDS[frame.event]);
  if (frame.type === "next") say(told(frame.job));
  if (frame.type === "complete" || frame.type === "error") socket.close(1000);
}

function told(job) {
  if (job.status === "succeeded") return `succeeded: ${JSON.stringify(job.result).slice(0, 200)}`;
  return job.error ? `${job.status}: ${job.error.message}` : job.status;
}

function connect() {
  return new Promise((resolve, reject) => {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    socket = new WebSocket(`${scheme}://${location.host}/v1/ws`, "warren.v1");
    socket.onopen = resolve;
    socket.onmessage = hear;
    socket.onerror = () => reject(new Error("the socket could not be opened"));
    socket.onclose = (event) => {
      byId("try").querySelector("button").disabled = false;
      if (event.code !== 1000) say(`closed with ${event.code} ${event.reason}`);
    };
  });
}

async function submitAndWatch(event) {
  event.preventDefault();
  list.replaceChildren();
  started = performance.now();
  form.querySelector("button").disabled = true;
  try {
    const body = JSON.stringify(JSON.parse(input.value));
    await connect();
    if (key.value) send({ type: "connection_init", token: key.value });
    const path = `/v1/tasks/${encodeURIComponent(task.value)}/jobs`;
    note("sent", ["you →", `POST ${path}`], JSON.parse(body));
    const job = await ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body });
    send({ type: "subscribe", id: "s1", job: job.id });
  } catch (error) {
    say(error.message);
    form.querySelector("button").disabled = false;
    socket?.close(1000);
  }
}

task.addEventListener("change", showExample);
key.addEventListener("change", () => loadTasks().catch((error) => say(error.message)));
form.addEventListener("submit", submitAndWatch);
loadTasks().catch((error) => say(error.message));
