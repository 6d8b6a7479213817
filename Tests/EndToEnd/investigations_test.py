"""The commands of docs/investigations.md print what that page says.

UPDATE=1 writes what they print into the page; the difference is read before it is kept.
"""
import os
import pathlib
import subprocess
import unittest

from server import BINARY, ServerTest

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "investigations.md"


class InvestigationsTest(ServerTest):
    def run_command(self, command):
        """What a command of the page prints, as a shell runs it."""
        directory = os.path.join(self.directory, "bin")
        os.makedirs(directory, exist_ok=True)
        link = os.path.join(directory, "widefield")
        if not os.path.exists(link):
            os.symlink(BINARY, link)
        done = subprocess.run(
            command, shell=True, capture_output=True, timeout=120, text=True,
            env={**os.environ, "WIDEFIELD_URL": self.server.url,
                 "PATH": directory + os.pathsep + os.environ["PATH"]})
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stderr}")
        return done.stdout

    def test_every_command_prints_what_the_page_says(self):
        parts = PAGE.read_text().split("```\n")
        commands = 0
        for place in range(1, len(parts), 2):
            lines = parts[place].splitlines()
            printed = []
            while lines:
                command = lines.pop(0)
                self.assertTrue(command.startswith("$ "), command)
                shown = []
                while lines and not lines[0].startswith("$ "):
                    shown.append(lines.pop(0))
                output = self.run_command(command[2:]).splitlines()
                output = [line.rstrip() for line in output]
                commands += 1
                if os.environ.get("UPDATE"):
                    printed += [command, *output]
                else:
                    self.assertEqual(output, shown, command)
            if os.environ.get("UPDATE"):
                parts[place] = "\n".join(printed) + "\n"
        self.assertGreater(commands, 10)
        if os.environ.get("UPDATE"):
            PAGE.write_text("```\n".join(parts))


if __name__ == "__main__":
    unittest.main()
