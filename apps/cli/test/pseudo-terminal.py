"""Runs a command in a terminal of 24 lines and 80 columns and shows all that it writes there.

pseudo-terminal.py AFTER TYPED COMMAND...   TYPED is typed once AFTER can be read; empty: nothing is typed.
"""
import fcntl
import os
import pty
import struct
import sys
import termios

after, typed, command = sys.argv[1].encode(), sys.argv[2].encode(), sys.argv[3:]
ready, go = os.pipe()
pid, terminal = pty.fork()
if pid == 0:
    os.read(ready, 1)
    os.execvp(command[0], command)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))
os.write(go, b'.')
shown = b''
while True:
    try:
        data = os.read(terminal, 65536)
    except OSError:
        break
    if not data:
        break
    shown += data
    if typed and after in shown:
        os.write(terminal, typed)
        typed = b''
status = os.waitpid(pid, 0)[1]
sys.stdout.buffer.write(shown.replace(b'\r\n', b'\n'))
sys.stdout.flush()
sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
