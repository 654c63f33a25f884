"""Secrets are replaced before they are stored, whichever way the output was cut."""
import os
import random
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from errand_agent.redaction import Redaction  # noqa: E402


def in_pieces(redaction, data, cuts):
    """What is stored of `data` when it comes cut at `cuts`."""
    stored, held, before = b'', b'', 0
    for cut in list(cuts) + [len(data)]:
        held += data[before:cut]
        before = cut
        ready, held = redaction.split(held)
        stored += ready
    return stored + redaction.replace(held)


class RedactionTest(unittest.TestCase):

    def test_every_secret_is_replaced_and_nothing_else(self):
        redaction = Redaction(['sesame', 'sesame street', 'abc', u'\u00fcber'])
        self.assertEqual(redaction.text(u'sesame street, sesame, abc, \u00fcber!'), '***, ***, abc, ***!')

    def test_without_secrets_nothing_changes_and_nothing_is_held(self):
        redaction = Redaction([])
        self.assertEqual(redaction.replace(b'anything'), b'anything')
        self.assertEqual(redaction.split(b'anything'), (b'anything', b''))

    def test_the_cuts_do_not_matter(self):
        chance = random.Random(7)
        redaction = Redaction(['aabaab', 'abab', 'baaaab'])
        for _ in range(300):
            data = bytes(bytearray(chance.choice(b'ab\n') for _ in range(60)))
            cuts = sorted(chance.randrange(61) for _ in range(chance.randrange(8)))
            stored = in_pieces(redaction, data, cuts)
            self.assertEqual(stored, redaction.replace(data))


if __name__ == '__main__':
    unittest.main()
