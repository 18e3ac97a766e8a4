"""What can go wrong, as exceptions that a caller can name.

Every message is one line that says which file or argument is at fault, what
is wrong with it and what to do. The library raises; only the commands turn an
error into a line on stderr and exit code 1.
"""


class TFInversionError(Exception):
    """Root of everything that this package raises on purpose."""


class InvalidArgumentError(TFInversionError, ValueError):
    """An argument or flag has a value that can't be used."""


class AudioFileError(TFInversionError):
    """An audio file is missing, unreadable or of an unknown format."""


class DatasetError(TFInversionError):
    """A folder holds no clips, or none of the kind that was asked for."""


class ModelFileError(TFInversionError):
    """A checkpoint or saved model is missing, damaged or of another kind."""


class TrainingError(TFInversionError):
    """Training can't go on: a loss is not finite, or a resume does not fit."""


class ClusterError(TFInversionError):
    """A scheduler is not there or has gone, or a worker is of another version."""
