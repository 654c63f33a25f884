/** What each shell has to read to complete `errand`, and how to make it read it at every start. */
export interface ShellCompletion {
  readonly setup: string
  readonly script: string
}

export const shells: Readonly<Record<string, ShellCompletion>> = {
  bash: {
    setup: `echo 'eval "$(errand completion bash)"' >> ~/.bashrc`,
    script: String.raw`_errand() {
  local value description current=${'$'}{COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  if [ "$current" = "=" ]; then current=""; fi
  while IFS=$'\t' read -r value description; do
    case $value in
      :files) compopt -o filenames 2>/dev/null; while IFS= read -r value; do COMPREPLY+=("$value"); done < <(compgen -f -- "$current") ;;
      :directories) compopt -o filenames 2>/dev/null; while IFS= read -r value; do COMPREPLY+=("$value"); done < <(compgen -d -- "$current") ;;
      *) COMPREPLY+=("$(printf '%q' "$value")") ;;
    esac
  done < <(errand --complete bash "${'$'}{COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _errand errand
`,
  },
  zsh: {
    setup: `echo 'eval "$(errand completion zsh)"' >> ~/.zshrc`,
    script: String.raw`#compdef errand
_errand() {
  local value description
  local -a candidates
  while IFS=$'\t' read -r value description; do
    case $value in
      :files) _files ;;
      :directories) _files -/ ;;
      *) candidates+=("${'$'}{value//:/\\:}:$description") ;;
    esac
  done < <(errand --complete zsh "${'$'}{(@)words[2,CURRENT]}" 2>/dev/null)
  (( $#candidates )) && _describe -V errand candidates
}
if [ "$funcstack[1]" = _errand ]; then
  _errand "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
  compdef _errand errand
fi
`,
  },
  fish: {
    setup: 'errand completion fish > ~/.config/fish/completions/errand.fish',
    script: String.raw`function __errand_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  test -n "$current"; or set current ''
  errand --complete fish $words[2..-1] $current 2>/dev/null | while read -l line
    switch $line
      case ':files'
        __fish_complete_path $current
      case ':directories'
        __fish_complete_directories $current
      case '*'
        printf '%s\n' $line
    end
  end
end
complete -c errand -e
complete -c errand -f -k -a '(__errand_complete)'
`,
  },
  powershell: {
    setup: `Add-Content $PROFILE 'errand completion powershell | Out-String | Invoke-Expression'`,
    script: String.raw`Register-ArgumentCompleter -Native -CommandName errand -ScriptBlock {
  param($current, $line, $cursor)
  $words = @($line.CommandElements | Select-Object -Skip 1 | Where-Object { $_.Extent.EndOffset -lt $cursor } | ForEach-Object { $_.ToString().Trim("'", '"') })
  errand --complete powershell @words "=$current" 2>$null | ForEach-Object {
    $value, $description = $_ -split [char]9, 2
    if ($value -eq ':files' -or $value -eq ':directories') {
      [System.Management.Automation.CompletionCompleters]::CompleteFilename($current)
    } else {
      if (-not $description) { $description = $value }
      $quoted = if ($value -match '[\s''"$]') { "'" + $value.Replace("'", "''") + "'" } else { $value }
      [System.Management.Automation.CompletionResult]::new($quoted, $value, 'ParameterValue', $description)
    }
  }
}
`,
  },
}
