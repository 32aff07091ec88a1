"""A disk on which files can be written, and folders cannot be synced."""

import os
import stat

import pytest


def refuse_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    sync = os.fsync

    def refuse(fd: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(5, "Input/output error")
        sync(fd)

    monkeypatch.setattr(os, "fsync", refuse)
