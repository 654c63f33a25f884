# Shared by ./errand and ./check: Node, pnpm, the dependencies and the build of this checkout, each only when it is not there yet.
# Sets $node. Needs $root. Everything it brings lives in .toolchain/ and node_modules/ of the checkout.
toolchain=$root/.toolchain
node=$toolchain/bin/node
export TURBO_TELEMETRY_DISABLED=1

say() { printf 'errand: %s\n' "$*" >&2; }

# Keeps the output of a tool quiet, and shows it when the tool fails.
quietly() {
  output=$toolchain/last-step.log
  dots=
  if [ -t 2 ]; then dots & dots=$!; fi
  "$@" >"$output" 2>&1
  failed=$?
  if [ -n "$dots" ]; then
    kill "$dots"
    wait "$dots" 2>/dev/null
    printf '\r\033[K' >&2
  fi
  [ "$failed" -eq 0 ] && return
  say "this failed: $*"
  cat "$output" >&2
  return 1
}

# A sign of life on a terminal, as long as this shell lives: what runs beside it does not hear Ctrl-C.
dots() {
  while sleep 2 && kill -0 $$ 2>/dev/null; do printf . >&2; done
}

# Source files and folders (for deleted files) that are newer than a file, and whatever else find is told.
changed_since() {
  find "$root/apps" "$root/packages" "$root/plugins" "$root/pnpm-lock.yaml" "$root/tsconfig.base.json" "$root/bundle.ts" \
    \( -name node_modules -o -name dist -o -name test -o -name .turbo -o -name __pycache__ \) -prune -o -newer "$@" -print
}

errand_is_fresh() {
  [ -x "$node" ] && [ -e "$toolchain/built" ] && [ -z "$(changed_since "$toolchain/built")" ]
}

# One builder at a time: a second one waits, and goes on when the first has died.
errand_build() {
  mkdir -p "$toolchain" || return
  waited=
  until mkdir "$toolchain/lock" 2>/dev/null; do
    builder=$(cat "$toolchain/lock/pid" 2>/dev/null)
    # A builder that died before it wrote its number is known by the age of its lock.
    if [ -n "$builder" ]; then dead=$(kill -0 "$builder" 2>/dev/null || echo yes); else dead=$(find "$toolchain/lock" -prune -mmin +1 2>/dev/null); fi
    # Of several that wait, one can move the dead builder's lock away.
    if [ -n "$dead" ] && mv "$toolchain/lock" "$toolchain/lock.$$" 2>/dev/null; then rm -rf "$toolchain/lock.$$"; continue; fi
    [ -n "$waited" ] || say "waiting for another build of this checkout (process ${builder:-unknown})"
    waited=yes
    sleep 1
  done
  echo $$ >"$toolchain/lock/pid"
  trap 'rm -rf "$toolchain/lock"' EXIT
  trap 'exit 130' INT TERM
  if [ -n "$waited" ] && errand_is_fresh; then true; else bring_node && bring_dependencies && build; fi
  built=$?
  rm -rf "$toolchain/lock"
  trap - EXIT INT TERM
  return $built
}

npm_install() {
  quietly npm install --prefix "$toolchain/$1" --no-save --no-package-lock --no-audit --no-fund --foreground-scripts "$2"
}

# Node 24 or a newer even major of this machine, else Node 24 from npm.
bring_node() {
  [ -x "$node" ] && "$node" --version >/dev/null 2>&1 && return
  mkdir -p "$toolchain/bin" && rm -f "$node" || return
  major=$(node -p 'parseInt(process.versions.node)' 2>/dev/null)
  if [ "${major:-0}" -ge 24 ] && [ $((major % 2)) -eq 0 ]; then
    ln -s "$(node -p process.execPath)" "$node"
    return
  fi
  command -v npm >/dev/null || { say "npm is missing; install Node.js 24 (it brings npm) and call this again"; return 1; }
  say "bringing Node 24, since this machine has ${major:-none}; about 15 seconds"
  npm_install node node@24 || return
  ln -s ../node/node_modules/node/bin/node "$node"
  "$node" --version >/dev/null 2>&1 || { say "npm brought no working Node; is ignore-scripts set in its configuration? Install Node.js 24 and call this again"; return 1; }
}

bring_dependencies() {
  pnpm=$toolchain/pnpm/node_modules/pnpm/bin/pnpm.mjs
  PATH=$toolchain/bin:$PATH
  wanted=pnpm@$("$node" -p 'JSON.parse(fs.readFileSync(process.argv[1])).devEngines.packageManager.version' "$root/package.json")
  if [ "$(cat "$toolchain/pnpm-version" 2>/dev/null)" != "$wanted" ]; then
    say "bringing $wanted"
    npm_install pnpm "$wanted" || return
    ln -sf ../pnpm/node_modules/.bin/pnpm "$toolchain/bin/pnpm"
    echo "$wanted" >"$toolchain/pnpm-version"
  fi
  [ -e "$toolchain/installed" ] && [ -z "$(find "$root" -path "$root/node_modules" -prune -o -path "$toolchain" -prune -o -name node_modules -prune \
    -o \( -name package.json -o -name pnpm-lock.yaml -o -name pnpm-workspace.yaml \) -newer "$toolchain/installed" -print)" ] && return
  say "installing the dependencies"
  (cd "$root" && quietly "$node" "$pnpm" install --frozen-lockfile) && touch "$toolchain/installed"
}

build() {
  touch "$toolchain/build-started"
  say "building"
  (cd "$root" && quietly "$node" node_modules/turbo/bin/turbo run build --output-logs=errors-only) || return
  # The build itself touches folders, so its end is what counts, unless somebody has changed a file meanwhile.
  [ -n "$(changed_since "$toolchain/build-started" -type f)" ] || touch "$toolchain/build-started"
  mv "$toolchain/build-started" "$toolchain/built"
}
