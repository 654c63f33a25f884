"""Runs a command in a terminal of 24 lines and 80 columns (or TERMINAL_COLUMNS) and shows all that it writes there.

pseudo-terminal.py TYPING COMMAND...   TYPING: a JSON list of [AFTER, TYPED]; each is typed once its AFTER can be read, in their order.
"""
import fcntl
import json
import os
import pty
import struct
import sys
import termios

typing, command = [(after.encode(), typed.encode()) for after, typed in json.loads(sys.argv[1])], sys.argv[2:]
ready, go = os.pipe()
pid, terminal = pty.fork()
if pid == 0:
    os.read(ready, 1)
    os.execvp(command[0], command)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', 24, int(os.environ.get('TERMINAL_COLUMNS', '80')), 0, 0))
os.write(go, b'.')
shown = b''
read = 0
while True:
    try:
        data = os.read(terminal, 65536)
    except OSError:
        break
    if not data:
        break
    shown += data
    while typing and typing[0][0] in shown[read:]:
        after, typed = typing.pop(0)
        read = shown.index(after, read) + len(after)
        os.write(terminal, typed)
status = os.waitpid(pid, 0)[1]
if not termios.tcgetattr(terminal)[3] & termios.ECHO:
    shown += b'The terminal was left without echo.\n'
    status = 99 << 8
sys.stdout.buffer.write(shown.replace(b'\r\n', b'\n'))
sys.stdout.flush()
sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
