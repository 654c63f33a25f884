"""A long way to another network: `delay_line.py ONE_WAY_MILLISECONDS HERE THERE INTERFACE`.

Two TUN devices, one in this network namespace with the address HERE and one in a new namespace with the address THERE. Every packet
between them is held back, so that the handshake and the acknowledgements of TCP are as late as they are on a long way. Prints `up` when
packets can pass. Ends, and with it the way, when its standard input ends. The new namespace is that of this process.
"""
import collections
import ctypes
import fcntl
import os
import select
import struct
import subprocess
import sys
import time

NEW_NETWORK = 0x40000000
SET_INTERFACE = 0x400454ca
TUN_WITHOUT_HEADER = 0x0001 | 0x1000
# Large packets: what is measured is the delay, not how many packets a second this program can move.
PACKET = 16000


def open_device(name):
    descriptor = os.open('/dev/net/tun', os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, SET_INTERFACE, struct.pack('16sH', name.encode(), TUN_WITHOUT_HEADER))
    return descriptor


def configure(*commands):
    for command in commands:
        subprocess.check_call(['ip'] + command.split())


def enter_new_network():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEW_NETWORK):
        raise OSError(ctypes.get_errno(), 'unshare')


def deliver(queue, descriptor, now):
    """Writes what is due; the seconds until the next packet is, or None."""
    while queue and queue[0][0] <= now:
        try:
            os.write(descriptor, queue.popleft()[1])
        except BlockingIOError:
            pass
    return queue[0][0] - now if queue else None


def carry(here, there, delay):
    # By the device that the packets go to.
    queues = {here: collections.deque(), there: collections.deque()}
    other = {here: there, there: here}
    while True:
        now = time.monotonic()
        waits = [wait for wait in (deliver(queue, device, now) for device, queue in queues.items()) if wait is not None]
        ready = select.select([0, here, there], [], [], min(waits) if waits else None)[0]
        if 0 in ready and not os.read(0, 4096):
            return
        now = time.monotonic()
        for device in ready:
            if device == 0:
                continue
            for _ in range(64):
                try:
                    packet = os.read(device, 65536)
                except BlockingIOError:
                    break
                queues[other[device]].append((now + delay, packet))


def main(milliseconds, here, there, name):
    first = open_device(name)
    configure('addr add %s peer %s dev %s' % (here, there, name), 'link set %s mtu %d up' % (name, PACKET))
    enter_new_network()
    second = open_device('way')
    configure('link set lo up', 'addr add %s peer %s dev way' % (there, here), 'link set way mtu %d up' % PACKET)
    print('up', flush=True)
    carry(first, second, float(milliseconds) / 1000)


if __name__ == '__main__':
    main(*sys.argv[1:])
