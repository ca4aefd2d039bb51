"""The compose file's mail relay, run without Docker: a mail goes in on its port and comes out at the site's relay; a stranger's does not.

    apt-get install postfix && .venv/bin/python tests/comparison/mail_relay.py FOLDER      # as root: Postfix starts no other way

The script is the image's entry point (etl/platform/mail-relay.sh), with a configuration folder, queue and port of its own.
"""

import os
import re
import shutil
import smtplib
import subprocess
import sys
import time
from email.message import EmailMessage
from pathlib import Path

from etl.platform import mail
from etl.platform.postgres import free_port
from etl.platform.processes import wait
from etl.settings import ROOT


def configure(folder: Path) -> Path:
    """A configuration beside /etc/postfix: its own queue and data."""
    config = folder / "etc"
    shutil.copytree("/etc/postfix", config)
    for name in ("spool", "data"):
        (folder / name).mkdir()
    shutil.chown(folder / "data", "postfix")
    (config / "main.cf").write_text(
        f"compatibility_level = 3.6\nqueue_directory = {folder / 'spool'}\ndata_directory = {folder / 'data'}\n", encoding="ascii"
    )
    return config


def send(port: int, recipient: str) -> float:
    """Sends one report-like mail; returns the seconds until the relay took it over."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "jichu@example.invalid", recipient, "数据质量报告"
    message.set_content("一封试投的信。\n")
    began = time.monotonic()
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as smtp:
        smtp.send_message(message)
    return time.monotonic() - began


def main(folder: Path) -> int:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    port, site_port, config = free_port(), free_port(), configure(folder)
    site = mail.Controller(mail.Keep(folder / "site"), hostname="127.0.0.1", port=site_port)
    site.start()
    env = os.environ | {
        "MAIL_CONFIG": str(config),
        "MAIL_PORT": str(port),
        "RELAYHOST": f"[127.0.0.1]:{site_port}",
        "MAIL_LOG": "/dev/stdout",
    }
    with (folder / "log").open("w") as log:
        relay = subprocess.Popen([ROOT / "etl" / "platform" / "mail-relay.sh"], env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        assert wait(lambda: _answers(port), 20), (folder / "log").read_text()
        print(f"postfix answers on {port}; postfix status: {subprocess.run(['postfix', '-c', config, 'status'], check=False).returncode}")
        seconds = send(port, "owner@gaj.example.invalid")
        assert wait(lambda: any((folder / "site").glob("*.eml")), 20), (folder / "log").read_text()
        print(f"taken over in {seconds:.2f} s, at the site's relay: {[p.name for p in (folder / 'site').glob('*.eml')]}")
        subprocess.run(["postconf", "-c", config, "-e", "mynetworks = 192.0.2.0/24"], check=True)
        subprocess.run(["postfix", "-c", config, "reload"], check=True, capture_output=True)
        time.sleep(2)
        try:
            send(port, "owner@gaj.example.invalid")
        except smtplib.SMTPRecipientsRefused as e:
            print(f"from outside its networks: refused ({next(iter(e.recipients.values()))[0]})")
        else:
            return 1
        return 0
    finally:
        subprocess.run(["postfix", "-c", config, "stop"], check=False, capture_output=True)
        relay.wait(20)
        site.stop()
        print(
            "\n".join(
                line
                for line in (folder / "log").read_text(encoding="utf-8").splitlines()
                if re.search(r"status=|reject|warning|fatal", line)
            )
        )


def _answers(port: int) -> bool:
    try:
        smtplib.SMTP("127.0.0.1", port, timeout=2).close()
    except (OSError, smtplib.SMTPException):
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
