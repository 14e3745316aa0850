"""What a program's --help says, taken apart."""
import dataclasses, json, re, subprocess


@dataclasses.dataclass
class Item:
    """An option or an operand with its meaning, or an exit status."""

    name: str
    value: str
    meaning: str

    def __init__(self, term, meaning):
        self.name, _, self.value = term.partition(" ")
        self.meaning = meaning

    @property
    def term(self):
        return f"{self.name} {self.value}".rstrip()


@dataclasses.dataclass
class Group:
    """Items below a title; empty where there is none."""

    title: str
    items: list


@dataclasses.dataclass
class Help:
    name: str
    usage: list = dataclasses.field(default_factory=list)
    # Paragraphs and groups in their order; a paragraph is a string, what stands in lines of its own a list of them.
    parts: list = dataclasses.field(default_factory=list)
    commands: list = dataclasses.field(default_factory=list)

    @property
    def groups(self):
        return [part for part in self.parts if isinstance(part, Group)]

    @property
    def option_groups(self):
        return [group for group in self.groups if group.items[0].name.startswith("--")]

    @property
    def options(self):
        return [item for group in self.option_groups for item in group.items]

    @property
    def statuses(self):
        return [group for group in self.groups if group.title.startswith("Exit status")]


def ask(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, env={"LC_ALL": "C.UTF-8"}).stdout


def of(path, *words):
    return parse(path.name, ask(path, *words, "--help"))


def with_commands(path):
    """A program with commands, each of which has a help of its own."""
    general = of(path)
    listed = next(group for group in general.groups if not group.items[0].name.startswith("--") and not group.title)
    for item in listed.items:
        if item.name != "help":
            command = of(path, item.name)
            command.name = item.name
            general.commands.append((item, command))
    general.common = [item for item in general.options if item.name in ("--socket", "--timeout")]
    return general


def parse(name, text):
    help = Help(name)
    for block in text.strip("\n").split("\n\n"):
        lines = block.split("\n")
        if lines[0].startswith("usage: "):
            help.usage = [line.removeprefix("usage: ").strip() for line in lines]
        elif lines[-1].startswith(" "):
            title = "" if lines[0].startswith(" ") else lines.pop(0).rstrip(":")
            help.parts.append(Group(title, list(items(lines))))
        else:
            help.parts.append(" ".join(lines))
    return help


def items(lines):
    """Each begins with two to four blanks; what it means stands in a column, in which it goes on."""
    column, term, meaning = 0, None, []
    for line in lines:
        if term is not None and len(line) - len(line.lstrip()) == column:
            meaning.append(line.strip())
            continue
        if term is not None:
            yield Item(term, " ".join(meaning))
        match = re.fullmatch(r"( {2,4})(\S.*?)( {2,})(\S.*)", line)
        if not match:
            raise ValueError(f"a line of --help that is no item: {line!r}")
        column, term, meaning = match.start(4), match[2], [match[4]]
    yield Item(term, " ".join(meaning))


def of_argument_parser(path):
    """A program made with swift-argument-parser, which writes what it knows as JSON."""
    command = json.loads(ask(path, "--experimental-dump-help"))["command"]
    help = Help(path.name, usage=[f"{path.name} [OPTION…] --config FILE"], parts=[command["abstract"]])
    for block in command["discussion"].rstrip("\n").split("\n\n"):
        lines = block.split("\n")
        if all(line.startswith("  ") for line in lines):
            # A blank line within belongs to it.
            if isinstance(help.parts[-1], list):
                help.parts[-1] += [""]
            else:
                help.parts.append([])
            help.parts[-1] += [line[2:] for line in lines]
        else:
            help.parts.append(" ".join(lines))
    options = []
    for argument in command["arguments"]:
        term = f"--{argument['preferredName']['name']}"
        if argument["kind"] == "option":
            term += f" {argument['valueName'].upper()}"
        meaning = argument["abstract"].rstrip(".")
        if "defaultValue" in argument:
            meaning += f"; default {argument['defaultValue']}"
        options.append(Item(term, meaning[0].lower() + meaning[1:]))
    help.parts.append(Group("", options))
    return help
