"""The settings of gunicorn for the session API. Options on the command line take precedence."""

import os
import shutil
import tempfile

from gunicorn.arbiter import Arbiter
from gunicorn.workers.base import Worker

# Workers share their counters through files in memory. This must be set before prometheus_client is imported.
if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix="bgctl-metrics-", dir="/dev/shm")

from prometheus_client import multiprocess  # it reads the variable above when imported

from session_api.logs import CONFIGURATION

bind = "0.0.0.0:8090"  # inside the container; compose publishes it on 127.0.0.1 alone
worker_class = "gthread"
workers = 1  # one process writes to SQLite: threads take fair turns, processes would not (decision record 11)
threads = 32  # log-ins that wait at the same time share a commit (decision record 80)
preload_app = True  # wrong keys or settings end the start with one message, not one for each worker
worker_tmp_dir = "/dev/shm"  # noqa: S108  # the heartbeat file must not wait for a disk
keepalive = 75  # longer than the proxy keeps an idle connection (4 s): it never sends into a closing one
graceful_timeout = 10
limit_request_field_size = 65536  # as in the proxy: the cookies of all apps of a site may come
accesslog = None  # /metrics counts requests
logconfig_dict = CONFIGURATION
control_socket_disable = True  # only signals steer this process


def child_exit(server: Arbiter, worker: Worker) -> None:
    """Keeps the counters of a worker that has ended, and drops its gauges."""
    multiprocess.mark_process_dead(worker.pid)


def on_exit(server: Arbiter) -> None:
    """Removes the counters when the process ends."""
    shutil.rmtree(os.environ["PROMETHEUS_MULTIPROC_DIR"], ignore_errors=True)
