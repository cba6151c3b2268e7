"""A private RabbitMQ node: own name, ports, data, cookie and epmd, reachable on loopback only."""

import asyncio
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from subprocess import PIPE

from deploy.local.binaries import rabbitmq_bin
from deploy.local.ports import free_port, listens
from deploy.local.processes import ChildProcess, die_with_parent

# The node is found through its own epmd, so one name serves every stack on the machine.
NODE = "warren@localhost"
START = timedelta(seconds=90)
STOP = timedelta(seconds=20)
PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"
REMEDY = "remove its folder to start from nothing, or set WARREN_RABBIT_URL to a broker of yours"
CONFIG = """\
listeners.tcp.local = 127.0.0.1:{port}
vm_memory_high_watermark.absolute = 2GB
disk_free_limit.absolute = 50MB
"""


class ControlFailed(Exception):
    """rabbitmqctl refused; the message is what it said."""


class RabbitMQ:
    """The broker of one stack. Restarts keep port, URL and data."""

    def __init__(self, directory: Path, *, environment: Mapping[str, str]) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}/"
        self._dist_port = free_port()
        self._epmd_port = free_port()
        self._bin = rabbitmq_bin()
        self._environment = {**_without_erlang(environment), **self._settings()}
        self._epmd = self._child("epmd", shutil.which("epmd") or "epmd", str(self._epmd_port))
        self._node = self._child("RabbitMQ", str(self._bin / "rabbitmq-server"))

    def _child(self, name: str, program: str, port: str | None = None) -> ChildProcess:
        return ChildProcess(
            name,
            [program] if port is None else [program, "-port", port],
            environment=self._environment,
            log=self.directory / f"{name.lower()}.log",
            remedy=REMEDY,
        )

    def _settings(self) -> dict[str, str]:
        """Everything RabbitMQ would look up elsewhere points into our folder."""
        inside = self.directory
        return {
            "HOME": str(inside / "home"),  # where Erlang keeps its cookie
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": NODE,
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_MNESIA_BASE": str(inside / "data"),
            "RABBITMQ_LOG_BASE": str(inside / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": str(inside / "pid"),
            "RABBITMQ_CONFIG_FILE": str(inside / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(inside / "rabbitmq-env.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(inside / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(inside / "enabled_plugins"),
            "RABBITMQ_FEATURE_FLAGS_FILE": str(inside / "data" / "feature_flags"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(inside / "config"),
            # The script then becomes the server instead of waiting for it, so that our signals
            # and the kernel's, when we die, reach the server itself.
            "RUNNING_UNDER_SYSTEMD": "true",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": self._erlang_flags(),
            "RABBITMQ_CTL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }

    def _erlang_flags(self) -> str:
        """Distribution up before the broker boots: it then starts no second Erlang to make one."""
        return (
            f"-sname {NODE} -start_epmd false -kernel inet_dist_use_interface {{127,0,0,1}}"
            f" -kernel inet_dist_listen_min {self._dist_port}"
            f" -kernel inet_dist_listen_max {self._dist_port}"
        )

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return self._node.name

    @property
    def log(self) -> Path:
        """The file that has its output."""
        return self._node.log

    @property
    def pid(self) -> int:
        """The Erlang machine's process id."""
        return self._node.pid

    @property
    def running(self) -> bool:
        """Say whether the node's process lives."""
        return self._node.running

    async def start(self) -> None:
        """Start the node and wait until it speaks AMQP; raises StartFailed."""
        self._write_configuration()
        if not self._epmd.running:
            await self._epmd.start(self._epmd_listens, START)
        await self._node.start(self._speaks_amqp, START)

    def _write_configuration(self) -> None:
        for folder in ("home", "data", "log"):
            (self.directory / folder).mkdir(parents=True, exist_ok=True)
        (self.directory / "rabbitmq.conf").write_text(CONFIG.format(port=self.port))
        (self.directory / "rabbitmq-env.conf").write_text("")
        (self.directory / "enabled_plugins").write_text("[].\n")

    async def _epmd_listens(self) -> bool:
        return listens(self._epmd_port)

    async def _speaks_amqp(self) -> bool:
        """The listener opens last in the boot; a start frame in answer means all is ready."""
        try:
            async with asyncio.timeout(2):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.write(PROTOCOL_HEADER)
                answer = await reader.read(1)
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
        except (OSError, TimeoutError):
            return False
        return answer == b"\x01"

    async def stop(self) -> None:
        """Stop the node in good order; its data stays."""
        await self._node.stop(STOP)

    async def kill(self) -> None:
        """SIGKILL the node; its data stays as it was written so far."""
        await self._node.kill()

    async def restart(self) -> None:
        """Stop and start again, with the same data."""
        await self.stop()
        await self.start()

    async def wipe(self) -> None:
        """Come back as a broker that has lost everything: queues, messages, users."""
        await self.kill()
        shutil.rmtree(self.directory / "data")
        await self.start()

    async def ended(self) -> int:
        """Wait until the node's process is gone; return its exit code."""
        return await self._node.ended()

    async def ctl(self, *arguments: str) -> str:
        """Run rabbitmqctl against this node, for example `ctl("stop_app")`; return its output."""
        process = await asyncio.create_subprocess_exec(
            str(self._bin / "rabbitmqctl"),
            "--quiet",
            f"--node={NODE}",
            *arguments,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=self._environment,
            start_new_session=True,
            preexec_fn=die_with_parent(),
        )
        output, errors = await process.communicate()
        if process.returncode != 0:
            raise ControlFailed(f"rabbitmqctl {' '.join(arguments)}: {errors.decode().strip()}")
        return output.decode()

    async def close(self, *, in_good_order: bool) -> None:
        """End the node and its epmd: with care for the data, or at once."""
        await (self._node.stop(STOP) if in_good_order else self._node.kill_group())
        await self._epmd.kill_group()


def _without_erlang(environment: Mapping[str, str]) -> dict[str, str]:
    """What the caller set for another RabbitMQ or Erlang must not leak into ours."""
    foreign = ("RABBITMQ_", "ERL_")
    kept = {name: text for name, text in environment.items() if not name.startswith(foreign)}
    kept.pop("NOTIFY_SOCKET", None)
    kept.setdefault("PATH", os.defpath)
    return kept
