"""How every command starts and ends: help, one line for an error, exit codes."""

from __future__ import annotations

import logging
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path

from absl import app, flags

from tf_inversion import errors

FLAGS = flags.FLAGS
_HELP = {"--help", "-help", "-h", "--h", "-?"}


def runner(main: Callable[[list[str]], int | None], doc: str) -> Callable[[], None]:
    """Makes a console script of `main(arguments)`, with the module's `doc` as its help.

    Any error that is the user's to mend ends in one line on stderr and exit
    code 1 (2 for a flag that does not exist or lacks its value); Ctrl-C in 130.
    """

    def run() -> None:
        sys.modules["__main__"].__doc__ = doc
        _list_flags_in_help()
        if _HELP & set(sys.argv[1:]):
            app.usage(shorthelp=True, writeto_stdout=True, exitcode=0)
        app.run(lambda argv: _guarded(main, argv), flags_parser=_parse)

    return run


def _list_flags_in_help() -> None:
    """Makes --help list this command's flags, wherever in the scripts they are defined."""
    for module, module_flags in list(FLAGS.flags_by_module_dict().items()):
        if module.startswith("tf_inversion."):
            for flag in module_flags:
                FLAGS.register_key_flag_for_module(sys.argv[0], flag)


def _parse(argv: list[str]) -> list[str]:
    try:
        rest = FLAGS(argv)
        for name in FLAGS:
            if isinstance(FLAGS[name].value, float) and not math.isfinite(FLAGS[name].value):
                raise flags.IllegalFlagValueError(f"flag --{name}={FLAGS[name].value}: not a finite number")
        return rest
    except UnicodeError:
        sys.exit(_complain("--flagfile: not a text file", code=1))
    except flags.Error as error:
        wrong_value = (flags.IllegalFlagValueError, flags.ValidationError, flags.CantOpenFlagFileError)
        sys.exit(_complain(error, code=1 if isinstance(error, wrong_value) else 2))


def _guarded(main: Callable[[list[str]], int | None], argv: list[str]) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.basicConfig(format=f"{_name()}: %(message)s", level=logging.WARNING, force=True)
    # TensorFlow counts the functions of several objectives, each traced for one clip and for many, as one.
    logging.getLogger("tensorflow").addFilter(lambda record: "retracing" not in record.getMessage())
    complaint = None
    try:
        code = main(argv[1:])
    except (errors.TFInversionError, OSError) as error:
        complaint, code = str(error), 1
    except KeyboardInterrupt:
        complaint, code = "interrupted", 130
    if complaint:  # only here is the traceback gone, and with it the progress bars of its frames
        _complain(complaint, code)
    sys.exit(code or 0)


def _complain(error: object, code: int) -> int:
    print(f"{_name()}: {' '.join(str(error).split())}", file=sys.stderr)
    return code


def _name() -> str:
    return Path(sys.argv[0]).name


def refuse_arguments(arguments: list[str]) -> None:
    """Ends a command that takes flags only, but was given something else."""
    if arguments:
        raise errors.InvalidArgumentError(f"{arguments[0]}: not a flag; write --name=value, see --help")


def set_seed(seed: int) -> None:
    """Seeds Python, NumPy and TensorFlow, for initial weights and dropout."""
    import keras

    keras.utils.set_random_seed(seed)
