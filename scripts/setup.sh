#!/usr/bin/env bash
# Make .venv and install worldsim into it, editable, with all that the tests need. `make` calls this; run it again freely.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${VENV:-.venv}
torch=${TORCH:-torch==2.13.0}
extras=test,minari,ale,box2d,cma,hub
cpu_wheels=https://download.pytorch.org/whl/cpu

say() { printf 'setup: %s\n' "$*" >&2; }

if [ ! -x "$venv/bin/python" ]; then
  python=${PYTHON:-}
  for candidate in python3.11 python3.12 python3.13 python3; do
    [ -n "$python" ] && break
    "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && python=$candidate
  done
  [ -n "$python" ] || { say "Python 3.11 or newer is needed; install it, or name one with PYTHON=/path/to/python"; exit 1; }
  say "virtual environment $venv with $("$python" --version)"
  "$python" -m venv "$venv" || { say "python -m venv failed; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
fi

pip() { "$venv/bin/python" -m pip "$@" --quiet --disable-pip-version-check; }
cpu_wheels_answer() {
  "$venv/bin/python" -c "import urllib.request as r; r.urlopen('$cpu_wheels/torch/', timeout=5)" 2>/dev/null
}

# torch first and pinned: everything after it keeps it. On Linux the default index carries the CUDA build (gigabytes),
# which works without a GPU too; PyTorch's own index has a CPU build, taken where there is no GPU and it can be reached.
if ! "$venv/bin/python" -c 'import torch' 2>/dev/null; then
  say "$torch"
  if [ "$(uname -s)" != Linux ] || nvidia-smi -L >/dev/null 2>&1 || ! cpu_wheels_answer ||
    ! pip install --retries 1 --timeout 30 --index-url "$cpu_wheels" "$torch"; then
    pip install "$torch"
  fi
fi
say "worldsim[$extras]"
# compat: a line of sys.path. The default import hook comes after the current folder, where a clone named worldsim hides it.
pip install --editable ".[$extras]" --config-settings editable_mode=compat
# Not every platform has a wheel of it (39 MB); what needs it is skipped then.
pip install --only-binary :all: "vizdoom>=1.3" || say "no ViZDoom here: WorldSim/TakeCover-v0 and its tests are left out"
say "ready: $("$venv/bin/python" -c 'import torch, worldsim; print("worldsim", worldsim.__version__, "torch", torch.__version__)'); . $venv/bin/activate brings the command worldsim"
