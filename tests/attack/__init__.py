"""The attack: wrong variants, storms and kills, checked against Stripe's books and the API's answers."""
