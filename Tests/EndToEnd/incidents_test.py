"""The incidents that `widefield generate` plants are what a comparison of fields names first.

INCIDENT_SEEDS=20 tries more of them.
"""
import os
import unittest

from server import ServerTest

SEEDS = int(os.environ.get("INCIDENT_SEEDS", "5"))
SPAN = "between 2026-03-10T11:00:00Z and 2026-03-10T16:00:00Z"
UNCACHED = "udaa66d13"


class IncidentsTest(ServerTest):
    def load(self, seed):
        events = self.tool(
            "generate", "--events", "60000", "--seed", str(seed), "--end", "2026-03-10T15:00:00Z")
        self.tool(
            "send", "--url", self.server.url, "--dataset", f"shop-{seed}", "-",
            stdin=events.encode())

    def ask(self, seed, base, selection):
        return self.server.query(
            f"from shop-{seed} | {SPAN} | where {base} | bubbleup where {selection}")

    def fields(self, answer, *known):
        """The fields by score, without those that say the same as the selection."""
        return [field for field in answer["fields"]
                if field["score"] > 0 and not field["field"].startswith(known)]

    def test_planted_incidents_are_found_at_all_seeds(self):
        for seed in range(1, SEEDS + 1):
            with self.subTest(seed=seed):
                self.load(seed)
                self.find_the_flag_of_slow_carts(seed)
                self.find_the_deployment_that_fails(seed)
                self.find_the_user_without_a_cache(seed)

    def find_the_flag_of_slow_carts(self, seed):
        answer = self.ask(
            seed, 'http.route = "/checkout" and not exists(trace.parent_id)', "duration_ms > 20000")
        pair = answer["pairs"][0]
        self.assertEqual(set(pair["fields"]) & {"app.flag.new_pricing"}, {"app.flag.new_pricing"})
        self.assertTrue(set(pair["fields"]) & {"cart_items", "cart_total"}, pair)
        self.assertIn("app.flag.new_pricing = true", pair["where"])
        self.assertGreater(pair["selection"], 0.9 * answer["meta"]["selection"])
        self.assertLess(pair["baseline"], 0.01 * answer["meta"]["baseline"])
        # Alone, too, nothing but the cart comes before the flag.
        first = [field["field"] for field in self.fields(answer, "duration_ms")][:3]
        self.assertIn("app.flag.new_pricing", first)

    def find_the_deployment_that_fails(self, seed):
        answer = self.ask(seed, 'service.name = "payment"', "error = true")
        causes = self.fields(answer, "error", "exception", "status", "rpc.grpc.status")
        best = [f for f in causes if f["score"] == causes[0]["score"]]
        deployment = next(f for f in best if f["field"] == "deployment_id")
        value = deployment["values"][0]
        self.assertGreater(value["selection"], 0.9 * answer["meta"]["selection"])

    def find_the_user_without_a_cache(self, seed):
        answer = self.ask(seed, "exists(cache.hit)", "cache.hit = false")
        first = self.fields(answer, "cache.hit", "cache.bytes")[0]
        self.assertEqual(first["field"], "user_id")
        self.assertEqual(first["values"][0]["value"], UNCACHED)
        self.assertEqual(first["values"][0]["baseline"], 0)


if __name__ == "__main__":
    unittest.main()
