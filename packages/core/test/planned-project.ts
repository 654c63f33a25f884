import type { DescribeTarget, PlanOptions, Project, RunPlan } from '../src/project/index.ts'
import { planRun } from '../src/project/index.ts'
import { temporaryProject } from './project-folder.ts'

/** Targets of your own Python, and targets that build environments. */
export const describeTarget: DescribeTarget = (target) =>
  Promise.resolve(
    ['local', 'remote'].includes(target.type)
      ? {
          capabilities: {
            environments: ['user-managed'],
            frameworks: target.type === 'local' ? ['python', 'pyspark'] : ['python'],
            logs: 'live',
          },
          userManaged: true,
        }
      : { capabilities: { environments: ['conda', 'requirements'], frameworks: ['python', 'pyspark'], logs: 'live' }, userManaged: false },
  )

/** A project with two scripts and three targets. */
export const files = {
  'train.py': '',
  'src/deep.py': '',
  'aml_config/local.runconfig': 'Target: local\nFramework: Python\nEnvironmentVariables: {RATE: 1}\n',
  'aml_config/docker.compute': 'type: docker\n',
  'aml_config/vm.compute': 'type: remote\naddress: h\n',
  'aml_config/docker.runconfig': 'Target: docker\nFramework: Python\n',
  'aml_config/conda_dependencies.yml': 'dependencies: [numpy]\n',
}

/** Plans a run in a project of {@link files} and `more`. */
export async function plan(options: Partial<PlanOptions>, more: Readonly<Record<string, string>> = {}): Promise<RunPlan> {
  await using project = await temporaryProject({ ...files, ...more })
  return await planIn(project, options)
}

export function planIn(project: Project, options: Partial<PlanOptions>): Promise<RunPlan> {
  return planRun({ ...project, id: 'id1' }, { runConfiguration: 'local', script: 'train.py', arguments: [], ...options }, describeTarget)
}
