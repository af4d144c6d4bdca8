"""The texts of the mails that are no notices: accounts, and several notices in one."""

from pathlib import Path

FOLDER = Path(__file__).parent
