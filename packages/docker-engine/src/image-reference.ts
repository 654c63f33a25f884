import { ErrandError } from '@errand/core'

/** The name of an image, taken apart. */
export interface ImageReference {
  /** As people write it, with a tag or digest: `python:3.12`, `registry.example:5000/team/image@sha256:…`. */
  readonly name: string
  /** What holds it: `docker.io`, `registry.example:5000`. */
  readonly registry: string
  /** Without tag and digest. */
  readonly repository: string
  readonly tag?: string
  readonly digest?: string
}

/** As progress shows it: beside a tag, the digest is too long for a line. */
export const shownName = ({ name, tag }: ImageReference): string => (tag === undefined ? name : name.replace(/@.*/, ''))

const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*'
const pattern = new RegExp(
  `^((?:[\\w.-]+(?::\\d+)?/)?${component}(?:/${component})*)(?::([\\w][\\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$`,
)

/**
 * Reads the name of an image; one without a tag means `latest`, as everywhere.
 * Error: `IMAGE_NAME_INVALID`, with the name that was probably meant.
 */
export function parseImageReference(text: string): ImageReference {
  const match = pattern.exec(text)
  if (match === null) throw invalidName(text)
  const [, repository = '', tag, digest] = match
  const [first = '', ...rest] = repository.split('/')
  const named = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost')
  const kept = tag ?? (digest === undefined ? 'latest' : undefined)
  return {
    name: `${repository}${kept === undefined ? '' : `:${kept}`}${digest === undefined ? '' : `@${digest}`}`,
    registry: named ? first : 'docker.io',
    repository,
    ...(kept === undefined ? {} : { tag: kept }),
    ...(digest === undefined ? {} : { digest }),
  }
}

function invalidName(text: string): ErrandError {
  const better = corrected(text)
  return new ErrandError('IMAGE_NAME_INVALID', `"${text}" is not the name of an image.`, {
    hint:
      better === undefined
        ? 'Names look like user/name:tag. Mend baseDockerImage in the .compute file.'
        : `Write baseDockerImage: ${better}`,
  })
}

/** The slips that are known from real files: `::`, a colon without a tag, blanks, capital letters, an address of a web page. */
function corrected(text: string): string | undefined {
  const tidy = text
    .replaceAll(/\s+/g, '')
    .replace(/^(?:docker:\/\/|https?:\/\/(?:hub\.docker\.com\/(?:r|_)\/)?)/, '')
    .replaceAll(/:{2,}/g, ':')
    .replace(/[:/@]+$/, '')
  const [repository = '', ...rest] = tidy.split(/(?=:[^/]*$|@)/)
  const better = repository.toLowerCase() + rest.join('')
  return better !== '' && pattern.test(better) ? better : undefined
}
