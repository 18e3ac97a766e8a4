"""How every command starts and ends: help, one line for an error, exit codes."""

from __future__ import annotations

import logging
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path

from absl import flags

from tf_inversion import errors
from tf_inversion.scripts import process

_HELP = {"--help", "-help", "-h", "--h", "-?"}
#: Libraries whose warnings are for programmers, not for who runs a command.
_TALKATIVE = {"absl", "asyncio", "bokeh", "distributed", "matplotlib", "numba", "tensorflow", "tornado"}


def runner(
    main: Callable[[list[str]], int | None], doc: str, flag_values: flags.FlagValues
) -> Callable[[list[str] | None], int]:
    """Makes a console script of `main(arguments)`, with the module's `doc` as its help.

    The script takes a command line and returns the exit code: 1 after any error that is the user's to mend,
    of which one line on stderr tells; 2 for a flag that does not exist or lacks its value; 130 after Ctrl-C,
    143 after a polite kill; 141 where nobody reads its output any more. Without a command line it takes the
    process', and the process for its own (see `process.take_over`).

    Args:
      main: takes what is left of the command line when its flags are taken out.
      doc: what --help says before it lists the flags.
      flag_values: the command's flags.
    """
    if "quiet" not in flag_values:
        flags.DEFINE_bool("quiet", False, "Tell nothing of the progress.", flag_values=flag_values)

    def run(argv: list[str] | None = None) -> int:
        program, *arguments = argv or sys.argv
        name = Path(program).name
        try:
            if argv is None:
                process.take_over(name)
                if not _HELP & set(arguments):
                    process.check_temporary_folder()
            code = _run(main, doc, flag_values, program, arguments)
            sys.stdout.flush()
            return code
        except BrokenPipeError:
            return 141
        except flags.Error as error:
            wrong_value = (flags.IllegalFlagValueError, flags.ValidationError, flags.CantOpenFlagFileError)
            complaint, code = str(error), 1 if isinstance(error, wrong_value) else 2
        except OSError as error:
            words = (error.filename, error.strerror) if error.strerror else (error,)
            complaint, code = ": ".join(str(word) for word in words if word), 1
        except errors.TFInversionError as error:
            complaint, code = str(error), 1
        except Exception as error:
            if not (complaint := process.lack_of_room(error)):
                raise
            code = 1
        except KeyboardInterrupt as error:
            complaint, code = str(error) or "interrupted", getattr(error, "exit_code", 130)
        # Only here is the traceback gone, and with it the progress bars of its frames.
        process.complain(name, complaint)
        return code

    return run


def _run(main, doc: str, flag_values: flags.FlagValues, program: str, arguments: list[str]) -> int:
    flag_values.unparse_flags()  # of an earlier run in this process
    _register(program, flag_values)
    if _HELP & set(arguments):
        print(_help(program, doc, flag_values))
        return 0
    arguments = _parse([program, *arguments], flag_values)
    logging.basicConfig(format=f"{Path(program).name}: %(message)s", level=logging.WARNING, force=True)
    logging.getLogger().handlers[0].addFilter(lambda record: record.name.split(".")[0] not in _TALKATIVE)
    return main(arguments) or 0


def _register(program: str, flag_values: flags.FlagValues) -> None:
    """Makes all flags the program's own, wherever in the scripts they are defined."""
    for module, module_flags in list(flag_values.flags_by_module_dict().items()):
        if module.startswith("tf_inversion."):
            for flag in module_flags:
                flag_values.register_key_flag_for_module(program, flag)


def _help(program: str, doc: str, flag_values: flags.FlagValues) -> str:
    listed = flag_values.module_help(program).split(":\n", 1)[1]
    return f"{doc.strip()}\n\nFlags:\n{listed}"


def _parse(argv: list[str], flag_values: flags.FlagValues) -> list[str]:
    """Sets the flags and returns the other arguments; a ~ that a path begins with is the home folder."""
    try:
        rest = flag_values(argv)
    except UnicodeError:
        raise errors.InvalidArgumentError("--flagfile: not a text file") from None
    for name in flag_values:
        value = flag_values[name].value
        if isinstance(value, float) and not math.isfinite(value):
            raise flags.IllegalFlagValueError(f"flag --{name}={value}: not a finite number")
        if isinstance(value, str):
            flag_values[name].value = os.path.expanduser(value)
    return [os.path.expanduser(argument) for argument in rest[1:]]


def refuse_arguments(arguments: list[str]) -> None:
    """Ends a command that takes flags only, but was given something else."""
    if arguments:
        raise errors.InvalidArgumentError(f"{arguments[0]}: not a flag; write --name=value, see --help")


def set_seed(seed: int) -> None:
    """Seeds Python, NumPy and TensorFlow, for initial weights and dropout."""
    import keras

    keras.utils.set_random_seed(seed)
