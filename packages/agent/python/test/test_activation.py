"""What an environment's own packages set for a script."""
import json
import os
import unittest

from client import AgentTest

SHOW = 'import json, os\nprint(json.dumps({name: os.environ.get(name) for name in %r}))'


class Activation(AgentTest):
    def environment(self, **scripts):
        prefix = os.path.join(self.home, "an environment's")
        for folder in ('activate.d', 'env_vars.d'):
            os.makedirs(os.path.join(prefix, 'etc/conda', folder))
        for name, text in scripts.items():
            with open(os.path.join(prefix, 'etc/conda/activate.d', name + '.sh'), 'w') as file:
                file.write(text)
        return prefix

    def shown(self, prefix, names, **more):
        agent = {'activate': prefix, 'environment': {'CONDA_PREFIX': prefix}}
        status, out, _, _ = self.outcome(SHOW % (names,), agent=agent, **more)
        self.assertEqual(status['state'], 'completed', (status, self.control))
        return json.loads(out.decode('utf-8'))

    def test_scripts_are_sourced_in_the_order_of_their_names(self):
        prefix = self.environment(a='export FIRST="$CONDA_PREFIX/a" BOTH=a', b='export BOTH="$BOTH b"; PATH=/own:$PATH')
        found = self.shown(prefix, ['FIRST', 'BOTH', 'PATH', 'PWD', 'SHLVL'])
        self.assertEqual((found['FIRST'], found['BOTH']), (prefix + '/a', 'a b'))
        self.assertTrue(found['PATH'].startswith('/own:'))
        self.assertEqual((os.path.basename(found['PWD']), found['SHLVL']), ('work', os.environ.get('SHLVL')))
        self.assertIn('Activated the environment with a.sh, b.sh.', self.control)

    def test_what_the_user_has_set_stays_and_is_seen(self):
        prefix = self.environment(a='export OWN=theirs SEEN="$OWN-${SECRET-none}" SECRET=theirs ERRAND_RUN_ID=theirs; unset OTHER')
        names = ['OWN', 'SEEN', 'SECRET', 'ERRAND_RUN_ID', 'OTHER', 'odd.name']
        variables = {'OWN': 'a line\nand another', 'OTHER': 'stays', 'odd.name': 'odd'}
        found = self.shown(prefix, names, variables=variables, secrets={'SECRET': 'mine-2c81'})
        self.assertEqual(found['SEEN'], '%s-none' % variables['OWN'])
        self.assertEqual((found['OWN'], found['OTHER'], found['odd.name']), (variables['OWN'], 'stays', 'odd'))
        # Its own value, which the log hides.
        self.assertEqual((found['SECRET'], found['ERRAND_RUN_ID']), ('***', self.run_id))

    def test_variables_of_packages_come_without_a_script(self):
        prefix = self.environment()
        with open(os.path.join(prefix, 'etc/conda/env_vars.d/thing.json'), 'w') as file:
            json.dump({'PLAIN': 'é $HOME', 'OWN': 'theirs'}, file)
        found = self.shown(prefix, ['PLAIN', 'OWN'], variables={'OWN': 'mine'})
        self.assertEqual(found, {'PLAIN': 'é $HOME', 'OWN': 'mine'})

    def test_what_a_script_says_is_noted_and_its_failure_is_none(self):
        found = self.shown(self.environment(a='no-such-program-here; false', b='export AFTER=yes'), ['AFTER'])
        self.assertEqual(found, {'AFTER': 'yes'})
        self.assertIn('no-such-program-here', self.control)

    def test_a_script_that_ends_the_shell_is_the_reason(self):
        agent = {'activate': self.environment(a='echo no licence; exit 1')}
        status = self.outcome('pass', agent=agent)[0]
        self.assertEqual((status['state'], status['cause']), ('failed', 'start'))
        self.assertEqual(status['reason'], "The environment's own scripts (a.sh) did not come to their end: no licence")

    def test_damaged_variables_are_the_reason(self):
        prefix = self.environment()
        with open(os.path.join(prefix, 'etc/conda/env_vars.d/thing.json'), 'w') as file:
            file.write('{')
        status = self.outcome('pass', agent={'activate': prefix})[0]
        self.assertEqual((status['state'], status['cause']), ('failed', 'start'))
        self.assertIn('thing.json', status['reason'])


if __name__ == '__main__':
    unittest.main()
