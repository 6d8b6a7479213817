"""The requests that `widefield generate` writes for OTLP."""
import os
import subprocess


class Requests:
    """Each after its length, in a file; it is kept where it does not end now."""

    def __init__(self, options, end, hours=24):
        kind = "" if hours == 24 else f"-{hours}"
        self.path = os.path.join(options.folder, f"spans-{options.spans}-{options.seed}{kind}.otlp")
        if hours != 24 or not os.path.exists(self.path):
            with open(self.path + ".new", "wb") as file:
                subprocess.run(
                    [options.binary, "generate", "--events", str(options.spans), "--seed", str(options.seed), "--end", end,
                     "--hours", str(hours), "--format", "otlp"], stdout=file, check=True)
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
