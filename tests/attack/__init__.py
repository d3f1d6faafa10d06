"""The attack: wrong variants, storms and kills, judged by what Stripe holds and what the API answers."""
