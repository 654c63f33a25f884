"""Answers requests, one JSON line each, with `report` lines and then one `answer`, `failed`, `drifted` or `error`."""
import json
import sys

import place_ending
import place_environments


def main(lines, output):
    for line in lines:
        request = json.loads(line.decode('utf-8'))
        try:
            reply = {'answer': act(request, lambda text: write(output, {'report': text}))}
        except place_ending.Ended as end:
            reply = {end.kind: end.answer}
        except OSError as error:
            reply = {'error': '%s%s' % (error.strerror, ': %s' % error.filename if error.filename else '')}
        write(output, reply)


def act(request, report):
    kind = request['kind']
    if kind == 'probe':
        import place_probe
        return place_probe.probe(request)
    if kind == 'look':
        return place_environments.look(request)
    if kind == 'make':
        return place_environments.make(request, report)
    import place_leftovers
    if kind == 'list':
        return place_leftovers.list_all(request)
    if kind == 'leftovers':
        return place_leftovers.leftovers(request)
    return place_leftovers.remove(request)


def write(output, message):
    try:
        output.write(json.dumps(message).encode('ascii') + b'\n')
        output.flush()
    except OSError:
        # Our client is gone. What was begun is finished: the next client finds it ready.
        pass


def start():
    main(iter(sys.stdin.buffer.readline, b''), sys.stdout.buffer)
