"""Series take no more room than the same samples do in Debian's Prometheus."""
import os
import re
import subprocess
import tempfile
import unittest

from prometheus_test import program
from server import BINARY

SERIES = 300


class SeriesTest(unittest.TestCase):
    def test_samples_take_at_most_the_bytes_that_prometheus_needs(self):
        with tempfile.TemporaryDirectory() as directory:
            text = os.path.join(directory, "series.txt")
            figures = subprocess.run(
                [BINARY, "bench", "--events", "1000", "--rounds", "1", "--series", str(SERIES),
                 "--series-file", text],
                check=True, capture_output=True, text=True).stdout
            ours = float(re.search(r"^on disk, with labels\s+(\S+) bytes/sample", figures, re.M)[1])

            blocks = os.path.join(directory, "prometheus")
            subprocess.run(
                [program("promtool"), "tsdb", "create-blocks-from", "openmetrics", text, blocks],
                check=True, capture_output=True)
            theirs = sum(
                os.path.getsize(os.path.join(folder, name))
                for folder, _, names in os.walk(blocks) for name in names
                if name == "index" or os.path.basename(folder) == "chunks")
            with open(text) as lines:
                samples = sum(not line.startswith("#") for line in lines)
            self.assertGreater(samples, SERIES * 600)
            self.assertLessEqual(ours, theirs / samples)


if __name__ == "__main__":
    unittest.main()
