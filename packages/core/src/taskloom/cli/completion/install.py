"""`tasks completion bash|zsh`: the script that a shell sources."""

from __future__ import annotations

from typing import Annotated

import typer

from taskloom.errors import UsageError
from taskloom.registry.suggest import did_you_mean

# bash splits words at `=` and `:`, so the function asks about the line as a whole and cuts off what bash took away.
_BASH = r"""_tasks_complete() {
    local line reply
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("$line")
    done < <(_TASKS_COMPLETE=bash _TASKS_LINE="${COMP_LINE:0:COMP_POINT}" COMP_WORDBREAKS="$COMP_WORDBREAKS" "$1" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == '<files>' ]]; then
        local word=${COMP_WORDS[COMP_CWORD]}
        [[ $word == '=' ]] && word=
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        compopt -o filenames 2>/dev/null
        return
    fi
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=.] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -F _tasks_complete tasks
"""

_ZSH = r"""#compdef tasks
_tasks() {
    local -a names texts open_names open_texts
    local line name text
    while IFS= read -r line; do
        if [[ $line == '<files>' ]]; then
            if [[ $PREFIX == --*=* ]]; then compset -P '*='; fi
            _files
            return
        fi
        name=${line%%$'\t'*}
        text=$name
        [[ $line == *$'\t'* ]] && text="$name  -- ${line#*$'\t'}"
        if [[ $name == *[=.] ]]; then
            open_names+=("$name"); open_texts+=("$text")
        else
            names+=("$name"); texts+=("$text")
        fi
    done < <(_TASKS_COMPLETE=zsh _TASKS_LINE="${(j: :)${(@q)words[1,CURRENT-1]}} ${PREFIX}" "${words[1]}" 2>/dev/null)
    (( ${#open_names} )) && compadd -Q -S '' -l -d open_texts -a open_names
    (( ${#names} )) && compadd -Q -l -d texts -a names
}
if [[ $funcstack[1] == _tasks ]]; then
    _tasks "$@"
else
    compdef _tasks tasks
fi
"""

SCRIPTS = {"bash": _BASH, "zsh": _ZSH}


def completion(
    shell: Annotated[str, typer.Argument(metavar="bash|zsh", help="The shell.")],
) -> None:
    """Print the completion script of a shell.

    Add `source <(tasks completion bash)` to ~/.bashrc, or `source <(tasks completion zsh)` to ~/.zshrc after compinit.
    """
    if shell not in SCRIPTS:
        raise UsageError(
            f"no completion for '{shell}': must be one of {', '.join(SCRIPTS)}",
            hint=did_you_mean(shell, SCRIPTS),
        )
    typer.echo(SCRIPTS[shell], nl=False)
