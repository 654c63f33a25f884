/** Causes that we know, by what solvers and pip print. The first that fits is the hint of the error. */
const causes: readonly { readonly pattern: RegExp; readonly hint: (match: RegExpExecArray) => string }[] = [
  {
    pattern: /azureml(?:downloads|build)\.[\w.-]+/i,
    hint: ([host]) =>
      `The package host ${host} is gone: delete the line that names it, or name its package under SkipPackages in the run configuration.`,
  },
  {
    pattern:
      /(?:No matching distribution found for|was not found in the package registry|no versions? of)[^\n]*azure-ml-api-sdk|azure-ml-api-sdk[^\n]*(?:was not found|no versions)/i,
    hint: () =>
      'azure-ml-api-sdk is on no public package index any more: delete its line, or name it under SkipPackages in the run configuration.',
  },
  {
    pattern:
      /No matching distribution found for (abc|ast|asyncio|collections|copy|csv|datetime|functools|glob|io|itertools|json|logging|math|os|pickle|random|re|shutil|string|subprocess|sys|tempfile|time|urllib|zipfile)\b/,
    hint: ([, name]) => `${name} is part of Python, not a package: delete its line.`,
  },
  {
    pattern: /\bsklearn\b.*(deprecated|scikit-learn)|'sklearn' PyPI package/i,
    hint: () => 'The package is called scikit-learn: write `scikit-learn` for `sklearn`.',
  },
  {
    pattern:
      /(?:[Ii]nvalid requirement:? ['"`]?|Couldn't parse requirement.*?|no such comparison operator.*?\n\s*)([\w.-]+)\s*=\s*([\w.*]+)/,
    hint: ([, name, version]) => `pip wants two = before a version: write \`${name}==${version}\`.`,
  },
  { pattern: /no such comparison operator "=", must be one of/, hint: () => 'pip wants two = before a version: write `package==1.0`.' },
  {
    pattern: /\b[A-Za-z]:\\[^\s'"]+/,
    hint: ([path]) =>
      `${path} is a path of one Windows machine: put the file into the project and write its path, like \`./wheels/x.whl\`.`,
  },
  {
    pattern:
      /(?:No candidates were found for|nothing provides(?: requested)?|PackagesNotFoundError[^]*?-|ResolvePackageNotFound[^]*?-|[Nn]othing provides .*?)\s*python\s*[=]{0,2}\s*([\d.]+)/,
    hint: ([, version = '']) =>
      `Python ${version.replace(/\.$/, '')} is not to be had from these channels: write a later one (python=3.6 is the oldest that conda-forge keeps complete), or add \`conda-forge\` to channels.`,
  },
  {
    pattern: /CERTIFICATE_VERIFY_FAILED|UnknownIssuer|invalid peer certificate|self.signed certificate/i,
    hint: () =>
      'The certificate of a package server is not trusted there: set SSL_CERT_FILE and PIP_CERT to the bundle of your organisation.',
  },
  { pattern: /No space left on device|os error 28/i, hint: () => 'The disk is full: `errand clean` removes old environments.' },
  {
    pattern: /\b(401|403)\b[^\n]*(Unauthorized|Forbidden|error)|(Unauthorized|Forbidden)/i,
    hint: () => 'A package server refuses these credentials: check the user and token in the address of the index or channel.',
  },
  {
    pattern:
      /Temporary failure in name resolution|Name or service not known|Could not resolve host|dns error|failed to lookup address|nodename nor servname|Connection refused|Network is unreachable|No route to host|[Oo]peration timed out|Connection timed out|ConnectTimeout/i,
    hint: () =>
      'A package server could not be reached: check the network of the place, and whether the host in the dependency file still exists.',
  },
  {
    pattern: /(?:command|unable to execute|executable)[ :]+'?(gcc|cc|g\+\+|x86_64-linux-gnu-gcc|clang)'?/i,
    hint: ([, compiler]) =>
      `A package is built from source and needs ${compiler}: ask for a version that has a wheel for this Python, or install it with conda.`,
  },
  {
    pattern: /No matching distribution found for ([^\s(]+)/,
    hint: ([, name]) => `No package index has ${name} for this Python: check its spelling and version, or choose another Python.`,
  },
  {
    // uv
    pattern: /(?:Because |because )(\S+) was not found in the package registry|there (?:is|are) no versions? of (\S+)/,
    hint: ([, first, second]) =>
      `No package index has ${first ?? second}: check its spelling and version, or add the index that has it (--extra-index-url).`,
  },
  {
    pattern: /No candidates were found for (\S+)|nothing provides(?: requested)? (\S+)/,
    hint: ([, first, second]) => `No channel has ${first ?? second}: check its spelling and version, or add the channel that has it.`,
  },
]

/** What to do about the failure of an installer, from what it printed; undefined for a cause that we do not know. */
export function hintFor(output: string): string | undefined {
  for (const { pattern, hint } of causes) {
    const match = pattern.exec(output)
    if (match !== null) return hint(match)
  }
  return undefined
}

const noise =
  /^(\[notice\]|WARNING: (You are using pip|Running pip as)|DEPRECATION:|Note: you may need|note: This (error|is an issue)|\s*$)/

/** The lines that say why: those marked as errors with what follows them, else the last ones. At most `count`. */
export function tellingLines(tail: readonly string[], count = 12): readonly string[] {
  const lines = tail.filter((line) => !noise.test(line.trim()))
  const first = lines.findIndex((line) => /^\s*(error|ERROR|×|critical|LibMambaUnsatisfiableError|\w*Error):?/.test(line))
  const telling = first === -1 ? [] : lines.slice(first)
  return telling.length > count ? telling.slice(0, 3).concat('…', telling.slice(4 - count)) : lines.slice(-count)
}
