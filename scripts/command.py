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

_HELP = {"--help", "-help", "-h", "--h", "-?"}


def runner(
    main: Callable[[list[str]], int | None], doc: str, flag_values: flags.FlagValues = flags.FLAGS
) -> Callable[[list[str] | None], int]:
    """Makes a console script of `main(arguments)`, with the module's `doc` as its help.

    The script takes a command line (default: the process') and returns the exit code: 1 after any error
    that is the user's to mend, of which one line on stderr tells; 2 for a flag that does not exist or
    lacks its value; 130 after Ctrl-C.

    Args:
      main: takes what is left of the command line when its flags are taken out.
      doc: what --help says before it lists the flags.
      flag_values: the command's flags.
    """

    def run(argv: list[str] | None = None) -> int:
        argv = sys.argv if argv is None else argv
        flag_values.unparse_flags()  # of an earlier run in this process
        _register(argv[0], flag_values)
        if _HELP & set(argv[1:]):
            print(_help(argv[0], doc, flag_values))
            return 0
        try:
            arguments = _parse(argv, flag_values)
        except UnicodeError:
            return _complain(argv[0], "--flagfile: not a text file", code=1)
        except flags.Error as error:
            wrong_value = (flags.IllegalFlagValueError, flags.ValidationError, flags.CantOpenFlagFileError)
            return _complain(argv[0], error, code=1 if isinstance(error, wrong_value) else 2)
        return _guarded(main, argv[0], arguments)

    return run


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
    """Sets the flags and returns the other arguments."""
    rest = flag_values(argv)
    for name in flag_values:
        if isinstance(flag_values[name].value, float) and not math.isfinite(flag_values[name].value):
            raise flags.IllegalFlagValueError(f"flag --{name}={flag_values[name].value}: not a finite number")
    return rest[1:]


def _guarded(main: Callable[[list[str]], int | None], program: str, arguments: list[str]) -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.basicConfig(format=f"{_name(program)}: %(message)s", level=logging.WARNING, force=True)
    # TensorFlow counts the functions of several objectives, each traced for one clip and for many, as one.
    logging.getLogger("tensorflow").addFilter(_is_not_of_retracing)
    try:
        return main(arguments) or 0
    except (errors.TFInversionError, OSError) as error:
        complaint, code = str(error), 1
    except KeyboardInterrupt:
        complaint, code = "interrupted", 130
    # Only here is the traceback gone, and with it the progress bars of its frames.
    return _complain(program, complaint, code)


def _is_not_of_retracing(record: logging.LogRecord) -> bool:
    return "retracing" not in record.getMessage()


def _complain(program: str, error: object, code: int) -> int:
    print(f"{_name(program)}: {' '.join(str(error).split())}", file=sys.stderr)
    return code


def _name(program: str) -> str:
    return Path(program).name


def refuse_arguments(arguments: list[str]) -> None:
    """Ends a command that takes flags only, but was given something else."""
    if arguments:
        raise errors.InvalidArgumentError(f"{arguments[0]}: not a flag; write --name=value, see --help")


def set_seed(seed: int) -> None:
    """Seeds Python, NumPy and TensorFlow, for initial weights and dropout."""
    import keras

    keras.utils.set_random_seed(seed)
