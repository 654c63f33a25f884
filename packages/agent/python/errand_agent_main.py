"""Entry of the agent. Tiny, so that everything behind it is byte-compiled once; readable by any Python, so that an old one is named."""
import sys

if sys.version_info < (3, 5):
    sys.stderr.write('ERRAND_AGENT_PYTHON_TOO_OLD %d.%d.%d\n' % tuple(sys.version_info[:3]))
    sys.exit(3)

sys.dont_write_bytecode = '--look' in sys.argv

from errand_agent.command_line import main  # noqa: E402

sys.exit(main(sys.argv[1:]))
