#!/usr/bin/env bash
# Warren with nothing but curl. Start the service with `make run`, then: bash examples/curl.sh
set -euo pipefail

url=${WARREN_URL:-http://127.0.0.1:8000}
call=(curl --silent --show-error --fail-with-body --max-time 60)
if [[ -n ${WARREN_API_KEY:-} ]]; then
  call+=(--header "Authorization: Bearer $WARREN_API_KEY")
fi
json=(--header 'Content-Type: application/json')

echo '1. Submit a job and wait for its end in the same request:'
"${call[@]}" "${json[@]}" --header 'Prefer: wait=30' "$url/v1/jobs" \
  --data '{"task": "math.add", "input": {"x": 1, "y": 2}}'

echo $'\n\n2. Submit one that takes a while; the answer comes at once and says where the job is:'
location=$("${call[@]}" "${json[@]}" --output /dev/null --dump-header - "$url/v1/jobs" \
  --data '{"task": "demo.sleep", "input": {"seconds": 1, "steps": 4}}' |
  tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
echo "$location"

echo $'\n3. Follow it to its end:'
"${call[@]}" --no-buffer --header 'Accept: text/event-stream' "$url$location/events" |
  sed -n 's/^event: /  /p'

echo $'\n4. Its bare result, and what it logged:'
"${call[@]}" "$url$location/result"
echo
"${call[@]}" "$url$location/logs"

echo $'\n\n5. The same task at its own address, where the body is the input itself:'
"${call[@]}" "${json[@]}" --header 'Prefer: wait=30' "$url/v1/tasks/text.stats/jobs?tags=curl" \
  --data '{"text": "To be, or not to be.", "most_common": 2}'

echo $'\n\n6. An input that does not fit is refused with the place that is wrong:'
if "${call[@]}" "${json[@]}" "$url/v1/jobs" --data '{"task": "math.add", "input": {"x": "one"}}'; then
  echo 'It was not refused!' >&2
  exit 1
fi

echo $'\n\n7. Many at once, as JSON Lines:'
"${call[@]}" --header 'Content-Type: application/jsonl' "$url/v1/jobs/bulk" --data-binary @- <<'LINES'
{"task": "math.add", "input": {"x": 1, "y": 1}, "tags": ["curl"]}
{"task": "math.add", "input": {"x": 2, "y": 2}, "tags": ["curl"]}
LINES

echo $'\n\n8. What there is:'
"${call[@]}" "$url/v1/jobs?tag=curl&page_size=3"
echo
