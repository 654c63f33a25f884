/**
 * The environment variables that give a secret, the first one that is set counts: `ERRAND_SECRET_<TARGET>_<NAME>`, then
 * `ERRAND_SECRET_<NAME>`; upper case, and `_` for all that is neither a letter nor a digit of ASCII. Made for messages too.
 */
export function environmentNames(name: string, target?: string): readonly string[] {
  return target === undefined ? [variable(name)] : [variable(target, name), variable(name)]
}

function variable(...words: readonly string[]): string {
  return ['errand_secret', ...words]
    .join('_')
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]/g, '_')
}
