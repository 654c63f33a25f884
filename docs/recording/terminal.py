"""Types commands into a shell in a terminal of its own and writes what it shows as an asciicast (version 2).

terminal.py COLUMNS ROWS COMMAND...   Standard input: the lines to type, one JSON text each. A line is typed once the shell asks for one.
"""
import fcntl
import json
import os
import pty
import select
import struct
import sys
import termios
import time

PROMPT = b'$ '
# Seconds: of silence behind the prompt, between two letters, and after a line before it is sent.
QUIET, STROKE, BEFORE_ENTER = 0.7, 0.045, 0.5
# Seconds that a command may take.
LONGEST = 120

columns, rows = int(sys.argv[1]), int(sys.argv[2])
lines = [json.loads(line) for line in sys.stdin if line.strip()]
pid, terminal = pty.fork()
if pid == 0:
    os.environ['PS1'] = PROMPT.decode()
    os.execvp(sys.argv[3], sys.argv[3:])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
print(json.dumps({'version': 2, 'width': columns, 'height': rows, 'env': {'TERM': os.environ.get('TERM', 'xterm-256color')}}))
began = time.time()
shown, undecoded = b'', b''


def read(seconds):
    """Records what comes in this time; False when nothing did, None at the end."""
    global shown, undecoded
    if not select.select([terminal], [], [], seconds)[0]:
        return False
    try:
        data = os.read(terminal, 65536)
    except OSError:
        return None
    if not data:
        return None
    shown = (shown + data)[-4096:]
    undecoded += data
    text = undecoded.decode('utf-8', 'ignore')
    undecoded = undecoded[len(text.encode('utf-8')):]
    print(json.dumps([round(time.time() - began, 3), 'o', text]))
    return True


def read_for(seconds):
    until = time.time() + seconds
    while time.time() < until and read(max(0, until - time.time())) is not None:
        pass


def wait_for_prompt():
    until = time.time() + LONGEST
    while time.time() < until:
        came = read(QUIET)
        if came is None:
            return False
        if not came and shown.endswith(PROMPT):
            return True
    return False


for line in lines:
    if not wait_for_prompt():
        sys.exit('the shell has ended, or asked for nothing: %r' % shown[-200:])
    for letter in line:
        os.write(terminal, letter.encode('utf-8'))
        read_for(STROKE)
    read_for(BEFORE_ENTER)
    shown = b''
    os.write(terminal, b'\n')
wait_for_prompt()
read_for(QUIET)
os.write(terminal, b'\x04')
