/** `{ [name]: value }`, or nothing when there is none: an optional property is absent, never undefined. */
export function optional<Name extends string, Value>(name: Name, value: Value | undefined): { readonly [Key in Name]?: Value } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [Key in Name]?: Value })
}
