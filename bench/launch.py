"""Start one program from a small process and report the kernel's figures.

    python launch.py OUTPUT COMMAND...  ->  exit status, seconds, CPU seconds, peak KiB

A child's peak memory starts at its parent's at the fork, and the benchmark itself holds a hundred thousand rows:
started from there, every tool would seem to need as much.
"""

import os
import subprocess
import sys
import time


def main() -> None:
    """Run it to its end; the figures are for this child alone, including everything it waited for."""
    with open(sys.argv[1], "wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(sys.argv[2:], stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
    print(os.waitstatus_to_exitcode(status), seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)


if __name__ == "__main__":
    main()
