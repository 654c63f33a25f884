import { quoted } from './script-words.ts'

/** Groups of `az ml` that are about execution, in all their spellings. Everything else of `az` is somebody else's. */
const azGroups = ['experiment', 'execute', 'computetarget', 'computecontext', 'runconfiguration', 'runconfigurations', 'history'] as const

/** By this a program knows the file again: so that two of them never call each other, and so that it may be replaced. */
export const shimMark = 'Written by errand shim az.'

/** An `az` for POSIX shells. `node` and `program` are used where no `errand` is in the PATH. */
export function azForShells({ node, program }: { readonly node: string; readonly program: string }): string {
  return `#!/bin/sh
# ${shimMark} Hands what runs scripts to errand, and everything else to the next az in the PATH.
if [ "\${1-}" = ml ]; then
  case \${2-} in
    ${azGroups.join(' | ')})
      command -v errand >/dev/null && exec errand "$@"
      exec ${quoted(node)} ${quoted(program)} "$@"
      ;;
  esac
fi
IFS=:
for directory in $PATH; do
  [ -f "$directory/az" ] && [ -x "$directory/az" ] || continue
  grep -q '${shimMark}' "$directory/az" 2>/dev/null && continue
  unset IFS
  exec "$directory/az" "$@"
done
unset IFS
printf 'ERROR: "az %s" is for the real az, and there is none in the PATH.\\n' "$*" >&2
printf 'errand answers: az ml ${azGroups.join(' | ')}\\n' >&2
exit 1
`
}

/** The same for Windows. */
export function azForWindows(): string {
  const lines = [
    '@echo off',
    `rem ${shimMark} Hands what runs scripts to errand, and everything else to the next az in the PATH.`,
    'setlocal',
    'if /i not "%~1"=="ml" goto other',
    `for %%g in (${azGroups.join(' ')}) do if /i "%~2"=="%%g" goto ours`,
    ':other',
    'set "real="',
    `for /f "delims=" %%p in ('where az.cmd az.exe az.bat 2^>nul') do if not defined real if /i not "%%~dpp"=="%~dp0" set "real=%%p"`,
    'if not defined real goto none',
    'call "%real%" %*',
    'exit /b %errorlevel%',
    ':ours',
    'call errand %*',
    'exit /b %errorlevel%',
    ':none',
    `>&2 echo ERROR: This is for the real az, and there is none in the PATH.`,
    `>&2 echo errand answers: az ml ${azGroups.join(', ')}`,
    'exit /b 1',
  ]
  return lines.map((line) => `${line}\r\n`).join('')
}
