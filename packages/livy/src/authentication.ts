/** How a service knows its client. Secrets may be functions, asked at each request: a token may be renewed meanwhile. */
export type Authentication =
  | { readonly kind: 'basic'; readonly username: string; readonly password: Secret }
  | { readonly kind: 'bearer'; readonly token: Secret }

export type Secret = string | (() => string | Promise<string>)

export async function authorizationOf(authentication: Authentication | undefined): Promise<{ readonly authorization?: string }> {
  if (authentication === undefined) return {}
  if (authentication.kind === 'bearer') return { authorization: `Bearer ${await valueOf(authentication.token)}` }
  const pair = `${authentication.username}:${await valueOf(authentication.password)}`
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
}

const valueOf = async (secret: Secret): Promise<string> => (typeof secret === 'function' ? secret() : secret)
