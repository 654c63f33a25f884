"""The commands of the agent: `serve` talks to a client (with `--look` it also leaves no compiled code behind), `supervise RUN_FOLDER
[WHY_STOPPED]` runs one prepared run in the foreground, `container RUN` is a container's main process."""
import sys


def main(arguments):
    """Runs one command and returns the exit code."""
    if arguments[:1] == ['serve'] and arguments[1:] in ([], ['--look']):
        from errand_agent import serve
        return serve.main()
    if len(arguments) in (2, 3) and arguments[0] == 'supervise':
        from errand_agent import supervise
        return supervise.foreground(*arguments[1:])
    if len(arguments) == 2 and arguments[0] == 'container':
        from errand_agent import container
        return container.main(arguments[1])
    sys.stderr.write('usage: errand_agent_main.py serve [--look] | supervise RUN_FOLDER [WHY_STOPPED] | container RUN\n')
    return 2
