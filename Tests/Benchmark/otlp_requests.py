"""The requests that `widefield generate` writes for OTLP."""
import os
import subprocess


class Requests:
    """Each after its length, in a file that is kept."""

    def __init__(self, options, end):
        self.path = os.path.join(options.folder, f"spans-{options.spans}-{options.seed}.otlp")
        if not os.path.exists(self.path):
            with open(self.path + ".new", "wb") as file:
                subprocess.run(
                    [options.binary, "generate", "--events", str(options.spans), "--seed", str(options.seed), "--end", end,
                     "--hours", "24", "--format", "otlp"], stdout=file, check=True)
            os.rename(self.path + ".new", self.path)

    def __iter__(self):
        with open(self.path, "rb") as file:
            while first := file.read(1):
                length = shift = 0
                while True:
                    length |= (first[0] & 127) << shift
                    if first[0] < 128:
                        break
                    shift += 7
                    first = file.read(1)
                yield file.read(length)
