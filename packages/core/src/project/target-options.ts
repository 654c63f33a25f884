import type { Schema } from '../target.ts'
import { diagnosticList, throwErrors } from './diagnostic.ts'
import type { RunConfiguration, TargetFile } from './model.ts'

/** Checks `TargetOptions` with the schema of the target's type; a type without one takes none: they are refused, never dropped. */
export async function checkTargetOptions(
  configuration: RunConfiguration,
  target: TargetFile,
  schema: Schema<unknown> | undefined,
): Promise<void> {
  if (configuration.options === undefined) return
  const diagnostics = diagnosticList(configuration.file)
  const place = configuration.position('TargetOptions')
  if (schema === undefined) {
    diagnostics.error(
      'OPTIONS_NOT_SUPPORTED',
      `the type ${target.type} of target ${target.name} takes no TargetOptions`,
      place,
      'remove them',
    )
  }
  const result = await schema?.['~standard'].validate(configuration.options)
  for (const issue of result?.issues ?? []) {
    const path = (issue.path ?? []).map((step) => String(typeof step === 'object' ? step.key : step))
    diagnostics.error(
      'WRONG_VALUE',
      `TargetOptions${path.map((key) => `.${key}`).join('')}: ${issue.message}`,
      configuration.position('TargetOptions', ...path) ?? place,
    )
  }
  throwErrors(diagnostics.list)
}
