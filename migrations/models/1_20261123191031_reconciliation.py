from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        CREATE TABLE "reconciliation_run" (
    "id" UUID NOT NULL PRIMARY KEY,
    "livemode" BOOL NOT NULL,
    "from_moment" TIMESTAMPTZ NOT NULL,
    "to_moment" TIMESTAMPTZ NOT NULL,
    "repair" BOOL NOT NULL,
    "stage" VARCHAR(16) NOT NULL,
    "cursor" VARCHAR(255),
    "checked" INT NOT NULL,
    "repaired" INT NOT NULL,
    "due" TIMESTAMPTZ,
    "attempt" INT NOT NULL,
    "started_at" TIMESTAMPTZ NOT NULL,
    "finished_at" TIMESTAMPTZ
);
CREATE INDEX "idx_reconciliat_started_d89a4e" ON "reconciliation_run" ("started_at", "id");
COMMENT ON TABLE "reconciliation_run" IS 'One comparison of everything in [from, to). At most one is open, over all replicas.';
        CREATE TABLE "discrepancy" (
    "id" UUID NOT NULL PRIMARY KEY,
    "livemode" BOOL NOT NULL,
    "kind" VARCHAR(32) NOT NULL,
    "subject" VARCHAR(255) NOT NULL,
    "local" JSONB NOT NULL,
    "provider" JSONB NOT NULL,
    "state" VARCHAR(16) NOT NULL,
    "resolution" VARCHAR(1000),
    "resolved_by" JSONB,
    "resolved_at" TIMESTAMPTZ,
    "detected_at" TIMESTAMPTZ NOT NULL,
    "payment_id" UUID REFERENCES "payment" ("id") ON DELETE RESTRICT,
    "run_id" UUID NOT NULL REFERENCES "reconciliation_run" ("id") ON DELETE RESTRICT
);
CREATE INDEX "idx_discrepancy_state_bd40ad" ON "discrepancy" ("state", "detected_at", "id");
CREATE INDEX "idx_discrepancy_run_id_98278f" ON "discrepancy" ("run_id", "detected_at", "id");
CREATE INDEX "idx_discrepancy_payment_5c0bf5" ON "discrepancy" ("payment_id");
COMMENT ON COLUMN "discrepancy"."kind" IS 'what differs';
COMMENT ON COLUMN "discrepancy"."state" IS 'what became of it';
COMMENT ON TABLE "discrepancy" IS 'One thing that differs. `subject` is what it is about: Stripe''s id, or ours where Stripe has none.';

        -- What follows is written by hand: aerich cannot express it.

        -- One open run in each mode, over all replicas; one open row for each thing that differs.
        CREATE UNIQUE INDEX "reconciliation_run_one_open" ON "reconciliation_run" ("livemode") WHERE "due" IS NOT NULL;
        CREATE UNIQUE INDEX "discrepancy_one_open" ON "discrepancy" ("kind", "subject", "livemode") WHERE "state" = 'OPEN';
        ALTER TABLE "reconciliation_run"
            ADD CONSTRAINT "reconciliation_run_open_is_due" CHECK (("due" IS NULL) = ("finished_at" IS NOT NULL)),
            ADD CONSTRAINT "reconciliation_run_window" CHECK ("from_moment" < "to_moment"),
            ADD CONSTRAINT "reconciliation_run_counts" CHECK ("checked" >= 0 AND "repaired" >= 0 AND "attempt" >= 1);
        ALTER TABLE "discrepancy"
            ADD CONSTRAINT "discrepancy_closed_is_resolved"
                CHECK (("state" = 'OPEN') = ("resolved_at" IS NULL) AND ("state" = 'OPEN' OR "resolution" IS NOT NULL));

        -- What Stripe listed in a run, so that a million ids need no memory of the process. Unlogged: after a crash of
        -- the database it is empty, and the run asks Stripe for each of our rows instead.
        CREATE UNLOGGED TABLE "reconciliation_sighting" (
            "run_id" UUID NOT NULL,
            "stripe_id" VARCHAR(255) NOT NULL,
            PRIMARY KEY ("run_id", "stripe_id")
        );
        """


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        DROP TABLE IF EXISTS "reconciliation_sighting";
        DROP TABLE IF EXISTS "discrepancy";
        DROP TABLE IF EXISTS "reconciliation_run";"""


MODELS_STATE = (
    "eJztXW1z2zYS/isYfbl0RudxHDfJpTc346Ru62tjZxynvWnTkSASsnCiABYArWhy+e+HBS"
    "nxXSZpSqYYfGlqEgtCz4LgYp/dxefBgrvEk0dvAqn4gojBK/R5wPCC6P/J3RuiAfb9+A5c"
    "UHjimcZOstVEKoEdpa9PsSeJvuQS6QjqK8oZtL6ZEeQTITlDyxlHPl7JIZozvmRoskJK35"
    "Uz7v9NIup+h8bkkyKCYW9E3TGi0twfy2AyRnyKMJoEKyJ0W8XnhB3BAFzu6BFQdruHZwWM"
    "/hWQkeK3RLcFBP/4U1+mzCWfiFz/6c9HU0o8NwUwdaEDc32kVr659uHDxfc/mJbwOyYjh3"
    "vBgsWt/ZWacbZpHgTUPQIZuHdLGBFYETcBPAs8L9LR+lI4Yn1BiYBshurGF1wyxYEH6hv8"
    "cxowB7SGXL7AlB1RVx4xstTw/CsaYaL1aHR5dTN6f34zGg1ySoeRZHQTXXI4gwlDmQK8Pn"
    "8J+41xMVcH8IA3P51dP3n2/BuDBJfqVpibBrXBFyOIFQ5FDfYx2AnF5lF/M8OiGPWMWAZ+"
    "PezdAL8GawfwDhb408gj7FbN9J8n3367Be9fz64N5LqVwZzr1zp83y+jWyfhPcA+gbWeKl"
    "4tlNcCjfCN0NvAu24S4xsvQ3sH+NnJcQWAdatSgM29NMCOIADHCKs8yt/rO4ouSDHSackM"
    "3G4kerT+nyaT+7HR1z/QvWLeKpoYW8C/uXh7/v7m7O07eNxCyr88g9/ZzTncOTFXV5mrT5"
    "5n9LTpBP12cfMTgj/R71eX59klatPu5vcBjAkHio/0V2iE3cQKsL66Ri2l9cB3G2o9LWm1"
    "3hWtrzFKqN2MHkyG6TzxHYMLE+zMl1i4o9SdeHpw4WozJz81XkdyP/x8TTxskM1PgsjYu4"
    "I+Dm/J/bKe8Our8TSI8dGW34KAwIMQehf20iOMYG7xE1422/K3FieL7BXM8K35SfBseFJq"
    "PhXsKjYTrXxLEc/n+zcUv82w0uY5WPJoifUv1hY6mmjDH1N3iDBz0Ywv0SJwZmDHU4VmWO"
    "r7RfuF5l19ZB/ZGJqNFpRxMR6isSDagHbJ+ooRH0cTcSQVVoHUF4XegwQLifgdEWbHYX66"
    "3masp+wQLQVVijBEWbhl0Wh+ZBoUJnFon+NwrxJJ6P/Xv8KZYabVAjcWR2jsYakfSvRsZA"
    "6JxmKu6V8wC4cBXcz0Uhr+NIlw4FLTD6262/k8iKfGZlcYWc8J4wOkyCdfL5NSj34zkaJZ"
    "Es3g9as3MI31rzV/fLEbKruh+ro2VMmR1cA6I9a/zdXT4+MquytoVgp3eDONt+JKz1CzZh"
    "dYC/T2gqlixDOCGcRpJbuhc7b1LQzi7/84OXn27MXJ8bPnL789ffHi25fHL3VbM+L8rRdb"
    "tPL64seLy5u0OuBCZosbCKG/U6s68z0p087C8tjQp10JVRwJ5W6E7CSPLZV6czwtt78pft"
    "yr+Z22DOtpIC9rtdBMC2lTvHitOWfBwujhQg8Ya9O54I3I9rK/1Wfw4fLdWWiu1lCL/lPQ"
    "O+Jmdz/VPJqVHJpb/JnZlWhBFAY7M4//v99fXRa/A0mZrEOLOgr9D3lU7uwtSNjxk4B6ij"
    "J5BI99DBseMEr5stZQP3l79p+sFt78cvU6a+xDB68zKtE7UVlobZYuSgmJ/a1GT3e7Gp08"
    "PX1x+vLZ89PNIrS5sm3tya8zqa13DVBzcr1Z6NuFFjwYdSzFlNAeF+tdLQ/pFfr5aYUV+v"
    "lp6QoNtyzh1G/qwRJOX6PWywin9M475bSt6k7NiD3Ar9oxl1Nz92mOxsuDnEf4By4IvWU/"
    "k1Vu01HMSCUDtA4S2RwlpS8LvNw4+LNTS0OgfzhRBoRrPd2vL97chLTAfRzpvjnAri1blY"
    "hSctcaROd3PcNpl2TpeloV0KWJGVdOmPqJRvcypm85IyuE5Zy4aMrFEM30GIdI4Tlhhhq8"
    "pVp3CH7ZEFhH42pCWj9KAjmopdHa3ZrnUNvsHFhViOEMnStGGlhK42mXhrR8r5/rk7/JId"
    "JrBPCdkxUaSyLuqEPkEciRse7TWx2tCdmRT5irx7qmZal+bCAQX7JX0PlHJoMFDCRsLUM2"
    "FR6l13fdr34EDINxhVZEIZc41CWu7n1B9LvgAvHLyCc1CqnZJNNKhDA0MDC+DPtyxlXY+0"
    "c24x50iRw9j/TMWEyIiJ6CJNFWtGpEwKasb718PoR3hTUi0Xfaxmu3b7zgAVOxf7Pd3mM/"
    "3S7xKSe/W3+UiRewJHv/SHZPr5Ow0hd8jDn3CGYl7o2EWAb7iZY73A9yoaf/6uqX1Nbq9U"
    "XG73/54e3r8+snT40GdCOqSuiAh9EAj+L+v7i8uLnQu8baDMD6q4niYT8+E+BgXwWCjMIP"
    "aVNF5HvZo0LOPtxcvT27uXhTVyHLmTaJFsZygsQTsJWaKOXp8yoREVn/QiIe4nlWKZKowB"
    "9NA4NpILXx2vgNKeypw3EpGtowRyicShAHOCe+6oZebIjErkMksmZodYo+K2kjgZpHApnV"
    "HCBpoogi6d6QaI+iiWYxK3lZqwUbOXToWkg7kproIt+D1UgzjbhU+oFq9l7kZa0WmmlBmm"
    "3laB0Spwdj/qmVI7Ctjw5vFrqUMRBB6GiMb0kz+FOyFvZKsJf5LbbGMRb7KOpFMXYM6n2H"
    "KyboljrgZ8SsBpprIKa36iggLWXxb46/jaHunEpsDPWg/RjqFXMaRSTmpVuISjycNafjQY"
    "j52FMbcVz+Yh1m7KmNOP4atW4jjvcbS5KpB1QT0qRMm0E7vQBUBlBHkugx1EQ1J2in6tbg"
    "eL4uDvTAyPiq1aw6Ol3vjYtPvq0lQfFFy2wLyNqcgzy88VveAsC9KzOWxTe3Jj4gq2PTlz"
    "uaFETDfN3l3fKk5QNTO65NJz1aVrMsot5A+vrtpEUvch2gvt90terRfNplBkw0tQoSYOJJ"
    "V57/IuI2FdNfODNV7pZ4ZXJRjtA44r4ibj4qAg6jRAFT1ItyTUzNP8zkkgjiDhEXaDmjHk"
    "GMT7i7MtXFZVlWzM6fWTNFZMOytpk9kE2FaDP3wWYm2MyE7i2UO85MsJGoHYhtsQHXuw64"
    "tgk4j5yAoz/UsqzI6P0KiKW7PNUHy9mqG2gzrkpyaUriVaL2/YvG2lUl1ymmHiQbbZvXxV"
    "jnJfuH+k5i4ASUK5OqxBlTHo2SlbMRKSnbsY2IlOxOs877UCRr34iqUaE2Nqtbb4INLyl/"
    "IQ4z0MCGl3yNWq8SXpL2cFb1D6albDDEdso+UXtqb8xnR4G9l/pMz6zavOcuCZgrHwAPf3"
    "f+zKbNzeHWc5tSze5lYq6g2Bf2PHPg0ZysoGCYqQC2CJTpZmgKMCy5mMNpSzB9XBlWFYPy"
    "WKZkWKAcrpffHOPSYt/mcCc3IIacMaU6pL5sqBdTIwLPSdxX4KMngOwrJIlSHnG/CWuAYa"
    "XIwldjNIV6zvKVqUoWHrrEPZcIqDkGf4Xlvz4y6BlOfiJHcGqUwAs5Ni3lEI601eMlfvgL"
    "yCeNMTJN9EwSUcWyiDhaYmnoIup5UMBC6rk31KOPqpohQZRYRWfdfmRwshSKtmL6qdEraM"
    "qYUTiQSigY5MZ3RV39g7gCDycArCWmVJia1XqCY/1LNaZChWdTOR535ghP9QCBu3JmiSdG"
    "Q52HxU8YRx5nt/AT8RRqvcGgocCaR/AdARDgJzFzdK8wJ3DNjGoJ1p1S5gcKmQk/hJ7usB"
    "eQMmbsj4GvJ4tDfWy4hzkNCUQ9jsGfFVmzFnmyeHNlCbJDJ8hS86rqJjsl1GUfalO6oJKX"
    "79kWJ9+zvI9v/dI28VivZbuM9cAUIIq+WE0c16dVQD8tx/w0DzmpRYJFzbsMcpf8RVMK3z"
    "5YCwoM6i0e67RYD9Fu/2CD0KCo45iLJaxbrnW3nLZi6yUQbwSsMlpXRrQLqMkTpKXs2Sr3"
    "LkGmQHVT+2UjvNeIh9G766sfr8/fv6+J+QCOTp5i0cSIab9+IplOiVPyhb0f+Vh6j9BfRh"
    "7SetEOepuvN9UQIcrQxi3QDR2AC6MeCxm279260j60sesmD3BptGBayBYhyB8YCV64OhZK"
    "LGFNlNZNlJSzsS6nlxO2FSG6w+LlyVtTwcMXXAO9qPPJyMr1L2ilfZvUDQos0u1vUyRi36"
    "Euv0MRAVXDIEhIWGsgaw08YomFw3lJalRYeORIjV5iuiXYsxzSbVGeXz2itasc2gKHNmLT"
    "xu7ZiE2r9WI7NRexOaWMylkjtWdE7XakO2rOv93kk091dw3UnJbs4dt96GrOxQo/TkBr6h"
    "zigpjW7DnF956uOyJ3lc/Y/W3GkTPDDM6kBRZmqP+7GqKp4AvzNwQ2wr/5wNXKkiYsVQLl"
    "yhwSxkUyjm6xj5ZUzSictovMjvM7NIYwyTFy+F0YIEqQ+SlhZKovyB3lgRyZRuXRksnd6/"
    "qxuUjJbFGRdEMbmvjooYl2m2232Z1HdLNq5AAtdVYmRfpU56Q1h6VBI4dnOXeybm9jCSuQ"
    "JjZ4rUPuIjCVRg8rJ5PposO84WBCplw0Culpv6iJ3gg8DPdUB11G3aQydQP0R64P1jEDxJ"
    "YH68hHtuXyYPEyV/UTG0vYb2zr39jN+lfZ4FkLWGW0roxN2nXdeISMnN2GFtZMMr6yZiWT"
    "kqIdNme6lAG3KTbVJAOlUNgCXwl47hiLpAnzlhG1nEznOJm0v9IBX34TRWdEraI7regUs1"
    "NnGc0J9nB/0r4TsC7KFtwa4NojzezBW12o4FXh4K3HCXf4jUxmnM9Lwx1S94fbwh2WYcs6"
    "4Q5nLIooSBSIGpo4BB4oU0xLEkcQJcPqWlEuMFoShAUx7XSjfCxEO93G9bvSlbigDZaIMj"
    "Te1Dcbw6EsweS/xFFRuS+swjFI035OfAUSZhqgyepVXA8rIsn1XaX/+choeFQLRFtw06Fu"
    "A2m41A2LiEFkBQlLXrEtRaoKdpKbkzS21qna5Idro41oiZbOYMnUrYrAgkbRSFs6R8bGi3"
    "QhXqQDLpCufSn2sBW3J+zs94QdxwEirM7kTohY91KlOY19OoLww8KiBFuATov1D+z2t0o2"
    "0icurXHyskptjZOX5cU14F72MOiNyVP5WxiL9BDlnawX2pz2OC6wOLbV29iI7J9lfJyv4I"
    "7OCjmwslTX52/OL36tfw5Xp2pSHUiC/vGulpSW411tHYt+khqmpktJHvY9lWDKkrF7YEXu"
    "kopvnn5d2IElDTv9fmW8hTXZ4aRoDxV9oInXVdLtfcEdImUjxWdl7Re0a294R3Jyv6cafe"
    "JjCHsu4KiSt4fbKCo307DSUTOQFHsbHn3i0umUCFlE9lBTMRVPeKBeJQ87MWQOD4Q5AkZs"
    "ji0J025ZyQk0u30kEFs3M4LMMSrcJwxN9esBT6ThGSmCL4fAipE7IpBWygqJgAFpRoAXQ2"
    "OPO9gbr9OA+R11iQh5MWCtpvQ20NMOyDdzuorUt8t4qkpElEuU/t07IqL0L4tYhp0+pqXT"
    "Xyy71QV2y/Ise+VZen9ayzKx0DdxKrWfHGZ91Xvha+E7WsdTvRGw2TCte6/Xhkwt5iAhY1"
    "ViCYWrd+eXdckEs/hPiGOM8ak2sLtBK2i1aCiLzwLYdpRLUqp//tKnx5WOo4Nm5Vgf5w+k"
    "M7iBC2xSkAtcvv5kxGyx0IccXRRB2cR/mRK1XqyuebFS/F56l1+L50uLWj91VxRfyU9tK5"
    "i1X8EsqJs6HkvYxJrtiTUaqTywtdNqrokeq0M9arIUrsM+DxPee1Ns4rlVkmBTsBy0APG7"
    "uKeDXAPuxTW9BnYqeSk/vQvYocJ3oJwjEqnmo+g9rEYVOXzhY0Gl3pED+3FHxCqkcihDf0"
    "BxsCFS/JsjdKbQQq8GhmwBzsUnbIigyirCnocE8T3qYFnMDbX8jDjLydBKhCHJF2TC3RVa"
    "4BVSeA6kTyj4BOB/hdYFs7/JJEZNoZAi5FQVJUcprUFDGenHOYGQPGKM1slXhsx6hTBQTX"
    "ocXBIU0cPIpcRFtxwoJRYWtDU5UA05JdEaxWPJGEvGdG893zEZY0ocLnjxx/OeQvtp0R7u"
    "nw5kv1Rpo6xvNVNzStAqudNKhmAYWlT+cdvSGQvtceHcXDnYldOYQHWc6RuBHvKp7RMWoV"
    "FZB99Yon9ExU74amdGnDkpMG5LU00SEjbVJLsghOtoLTyTIhZQm7vzdVgpB5Lidihn0Kad"
    "IPUSc5KSPbTte0yA2RPy+rtY1kjTSHwtN8kQlBScvPA6Ev/h52vi4ZKQnuIEjAN76cuIkC"
    "+7pC7OiKDObFDAV0R3httIChy3uY+YKIfhft95LQ936ce40MFd8B2OFoWHebZ3+XFo5Ttc"
    "7sluUObmoSVuuvYq7qWgkF8H4ah5D9F9WjWUcVskY85FwE0ZwzzC5UGMCRFbfqVmBOOj5m"
    "d++T91CUTa"
)
