"""Completions for bash, zsh and fish."""
import re

ROLES = (
    "rolekeeper status --timeout 2s 2>/dev/null |"
    " sed -n '/^ROLE /,/^$/s/^\\([a-z0-9][a-z0-9_-]*\\)  *\\(valid\\|failing\\|below-floor\\|lapsed\\|waiting\\) .*/\\1/p'"
)


def kind(value):
    """What a value can be completed with: files, directories, users, roles, these words, or nothing."""
    if re.fullmatch(r"[a-z0-9]+(\|[a-z0-9]+)+", value):
        return value.split("|")
    words = set(re.split(r"[|\s]", value.replace("…", "")))
    if words & {"FILE", "PATH"}:
        return "files"
    if words & {"DIR", "DIRECTORY"}:
        return "directories"
    return {"ROLE": "roles", "USER": "users"}.get(value.replace("…", ""), "nothing")


def operands(usage):
    """What stands in a usage beside options: roles, files or nothing."""
    rest = re.sub(r"\[--?[^\]]*\]|--\S+ \S+", "", usage)
    return "roles" if "ROLE" in rest else "files" if "FILE" in rest else "nothing"


def verb(command):
    """The word that a command has to have before its operand, such as `test` in `policy test ROLE`; None where there is none."""
    match = re.match(rf"\S+ {re.escape(command.name)} ([a-z]+)( |$)", command.usage[0])
    return match and match[1]


def value_kind(program, item):
    # What a help lists under "Formats:" are the words for FORMAT.
    title = f"{item.value.capitalize()}s"
    for _, command in program.commands:
        for group in command.groups:
            if group.title == title:
                return [listed.name for listed in group.items]
    return kind(item.value)


def options_of(program, command):
    """A command's options: its own, and those of the program that its help refers to."""
    own = list(command.options)
    text = " ".join(part for part in command.parts if isinstance(part, str))
    return own + [item for item in program.options if item.name not in {other.name for other in own} and item.name != "--version"
                  and (not item.value or f"{item.name} {item.value}" in text)]


def all_options(program):
    lists = [program.options] + [command.options for _, command in program.commands]
    return list({item.name: item for items in lists for item in items}.values())


def reads_roles(program):
    return bool(program.commands) or any(kind(item.value) == "roles" for item in program.options)


def head(program, shell):
    return f"# {shell} completion of {program.name}. Made by Tests/Tools/manual/manual from its --help.\n"


# MARK: bash


def bash_answer(found):
    match found:
        case "files": return "compopt -o filenames; COMPREPLY=($(compgen -f -- \"$current\"))"
        case "directories": return "compopt -o filenames; COMPREPLY=($(compgen -d -- \"$current\"))"
        case "users": return "COMPREPLY=($(compgen -u -- \"$current\"))"
        case "roles": return "COMPREPLY=($(compgen -W \"$(_rolekeeper_roles)\" -- \"$current\"))"
        case [*words]: return f"COMPREPLY=($(compgen -W '{' '.join(words)}' -- \"$current\"))"
        case _: return ":"


def bash(program):
    function = "_" + program.name.replace("-", "_")
    with_value = [item for item in all_options(program) if item.value]
    lines = [
        head(program, "bash"),
        *(["_rolekeeper_roles() {", f"  {ROLES}", "}", ""] if reads_roles(program) else []),
        f"{function}() {{",
        "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} i",
        "  # bash takes --option=value for three words.",
        "  if [[ $current == = ]]; then current= previous=${COMP_WORDS[COMP_CWORD - 1]}",
        "  elif [[ $previous == = ]]; then previous=${COMP_WORDS[COMP_CWORD - 2]}; fi",
        "  case $previous in",
    ]
    answers = {}
    for item in with_value:
        answers.setdefault(bash_answer(value_kind(program, item)), []).append(item.name)
    for answer, names in answers.items():
        lines += [f"    {' | '.join(names)})", *([f"      {answer}"] if answer != ":" else []), "      return ;;"]
    lines.append("  esac")
    if program.commands:
        lines += [
            "  local -a operands=()",
            "  for ((i = 1; i < COMP_CWORD; i++)); do",
            "    case ${COMP_WORDS[i]} in",
            f"      {' | '.join(item.name for item in with_value)}) ((i++)); [[ ${{COMP_WORDS[i]}} != = ]] || ((i++)) ;;",
            "      -*) ;;",
            "      *) operands+=(\"${COMP_WORDS[i]}\") ;;",
            "    esac",
            "  done",
            "  case ${operands[0]-} in",
            "    '')",
            *bash_words("      ", [i.name for i in program.options], bash_answer(names_of_commands(program) + ["help"])),
        ]
        for _, command in program.commands:
            lines += [
                f"    {command.name})",
                *bash_words("      ", [i.name for i in options_of(program, command)], bash_operands(command)),
            ]
        lines += ["    help)", f"      {bash_answer(names_of_commands(program))} ;;", "  esac"]
    else:
        names = [item.name for item in program.options]
        lines += bash_words("  ", names, bash_answer(operands(program.usage[0])))[:-1] + ["  fi"]
    lines += ["}", f"complete -F {function} {program.name}", ""]
    return "\n".join(lines)


def bash_operands(command):
    """The answer where no option was begun; the command itself is the first of the operands."""
    answer = bash_answer(operands(command.usage[0]))
    if not verb(command):
        return answer
    return f"case ${{#operands[@]}} in 1) {bash_answer([verb(command)])} ;; 2) {answer} ;; esac"


def bash_words(indent, options, otherwise):
    """Options where a hyphen was typed, and `otherwise` where none was."""
    lines = [f"{indent}if [[ $current == -* ]]; then", f"{indent}  COMPREPLY=($(compgen -W '{' '.join(options)}' -- \"$current\"))"]
    if otherwise != ":":
        lines += [f"{indent}else", f"{indent}  {otherwise}"]
    return lines + [f"{indent}fi ;;"]


def names_of_commands(program):
    return [command.name for _, command in program.commands]


# MARK: zsh


def zsh_action(found):
    match found:
        case "files": return "_files"
        case "directories": return "_files -/"
        case "users": return "_users"
        case "roles": return "_rolekeeper_roles"
        case [*words]: return f"({' '.join(words)})"
        case _: return " "


def zsh_option(program, item):
    text = re.sub(r"([\[\]\\])", r"\\\1", item.meaning).replace("'", "'\\''")
    if not item.value:
        return f"'{item.name}[{text}]'"
    # Those that may be repeated say so.
    repeated = "*" if "may be repeated" in item.meaning else ""
    label = item.value.replace(":", r"\:").replace("[", "").replace("]", "")
    return f"'{repeated}{item.name}=[{text}]:{label}:{zsh_action(value_kind(program, item))}'"


def zsh(program):
    lines = [f"#compdef {program.name}", head(program, "zsh")]
    if reads_roles(program):
        lines += ["_rolekeeper_roles() {", f"  compadd -- $({ROLES})", "}", ""]
    if not program.commands:
        lines += zsh_arguments(program, program.options, operands(program.usage[0]), "")
        return "\n".join(lines + [""])
    lines += [f"_{program.name}() {{", "  local state line", "  local -a commands=("]
    for item, _ in program.commands:
        lines.append(f"    '{item.name}:{quoted(item.meaning)}'")
    lines += [f"    'help:{quoted(help_item(program).meaning)}'", "  )"]
    arguments = zsh_arguments(program, program.options, "nothing", "  ")
    arguments[0] = arguments[0].replace("_arguments", "_arguments -C")
    lines += arguments[:-1] + [
        arguments[-1] + " \\", "    '1:command:{_describe command commands}' \\", "    '*::argument:->arguments'",
        "  [[ $state == arguments ]] || return", "  case $words[1] in"]
    for _, command in program.commands:
        lines += [f"    {command.name})", *zsh_arguments(program, options_of(program, command), operands(command.usage[0]), "      ", verb(command))]
        lines[-1] += " ;;"
    lines += ["    help) _describe command commands ;;", "  esac", "}", "", f'_{program.name} "$@"', ""]
    return "\n".join(lines)


def zsh_arguments(program, options, rest, indent, verb=None):
    specs = [zsh_option(program, item) for item in options]
    if verb:
        specs += [f"'1: :({verb})'", f"'2:{rest[:-1]}:{zsh_action(rest)}'"]
    elif rest != "nothing":
        specs.append(f"'*:{rest[:-1]}:{zsh_action(rest)}'")
    return [f"{indent}_arguments \\"] + [f"{indent}  {spec} \\" for spec in specs[:-1]] + [f"{indent}  {specs[-1]}"]


def quoted(text):
    return text.replace("'", "'\\''").replace(":", "\\:")


def help_item(program):
    return next(item for group in program.groups for item in group.items if item.name == "help")


# MARK: fish


def fish_value(found):
    match found:
        case "files": return " -r -F"
        case "directories": return " -x -a '(__fish_complete_directories)'"
        case "users": return " -x -a '(__fish_complete_users)'"
        case "roles": return " -x -a '(__rolekeeper_roles)'"
        case [*words]: return f" -x -a '{' '.join(words)}'"
        case _: return " -x"


def fish_text(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def fish_option(program, item, condition=""):
    value = fish_value(value_kind(program, item)) if item.value else ""
    return f"complete -c {program.name}{condition} -l {item.name[2:]}{value} -d {fish_text(item.meaning)}"


def fish_operands(program, command, within):
    rest = fish_value(operands(command.usage[0])).removeprefix(" -x").removeprefix(" -r")
    first = verb(command)
    if first:
        before = f" -n '__fish_seen_subcommand_from {command.name}; and not __fish_seen_subcommand_from {first}'"
        after = f" -n '__fish_seen_subcommand_from {command.name}; and __fish_prev_arg_in {first}'"
        return [f"complete -c {program.name}{before} -a {first}", f"complete -c {program.name}{after}{rest}"]
    # Commands without a verb have no files for operands.
    return [f"complete -c {program.name}{within}{rest}"] if operands(command.usage[0]) == "roles" else []


def fish(program):
    lines = [head(program, "fish")]
    if reads_roles(program):
        lines += ["function __rolekeeper_roles", f"    {ROLES}", "end", ""]
    if not program.commands:
        if operands(program.usage[0]) == "nothing":
            lines.append(f"complete -c {program.name} -f")
        lines += [fish_option(program, item) for item in program.options]
        return "\n".join(lines + [""])
    names = " ".join(names_of_commands(program))
    none = f" -n 'not __fish_seen_subcommand_from {names} help'"
    lines.append(f"complete -c {program.name} -f")
    for item, _ in program.commands:
        lines.append(f"complete -c {program.name}{none} -a {item.name} -d {fish_text(item.meaning)}")
    lines.append(f"complete -c {program.name}{none} -a help -d {fish_text(help_item(program).meaning)}")
    lines.append(f"complete -c {program.name} -n '__fish_seen_subcommand_from help' -a '{names}'")
    lines += [fish_option(program, item, none) for item in program.options]
    for _, command in program.commands:
        within = f" -n '__fish_seen_subcommand_from {command.name}'"
        lines += fish_operands(program, command, within)
        lines += [fish_option(program, item, within) for item in options_of(program, command)]
    return "\n".join(lines + [""])
