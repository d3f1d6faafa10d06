from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        ALTER TABLE "orders" ADD "allow_partial_payments" BOOL NOT NULL DEFAULT False;
        ALTER TABLE "payment" ADD "share" VARCHAR(8) NOT NULL DEFAULT 'WHOLE';
        COMMENT ON COLUMN payment."share" IS 'of its order';

        -- What follows is written by hand: aerich cannot express it.

        -- One open payment of an order at most asks for all that is left; those that ask for a part may be open beside it.
        DROP INDEX "payment_one_live_for_order";
        CREATE UNIQUE INDEX "payment_one_live_for_order" ON "payment" ("order_id")
            WHERE "status" NOT IN ('SUCCEEDED', 'CANCELED') AND "reopened_at" IS NULL AND "share" <> 'PART';

        -- What was taken and what open payments ask for is together no more than the order's total. It is counted with
        -- the order locked, whoever writes: the second of two looks again when the first has committed. Of what Stripe has
        -- already, nothing is refused: our rules bind our acts.
        CREATE FUNCTION "refuse_payments_above_total"() RETURNS trigger LANGUAGE plpgsql AS $body$
        DECLARE
            owner UUID;
            total BIGINT;
            is_allowed BOOLEAN;
            claimed BIGINT;
            parts BIGINT;
        BEGIN
            IF TG_TABLE_NAME = 'orders' THEN
                owner := NEW."id";
            ELSE
                owner := NEW."order_id";
            END IF;
            SELECT o."total_minor", o."allow_partial_payments" INTO total, is_allowed
            FROM "orders" o WHERE o."id" = owner FOR NO KEY UPDATE;
            SELECT coalesce(sum(
                    CASE WHEN p."status" IN ('SUCCEEDED', 'CANCELED') THEN 0
                         WHEN p."provider_currency" IS NOT NULL THEN p."amount_minor"
                         ELSE greatest(p."amount_minor", p."provider_amount_minor") - p."captured_minor" END
                    + CASE WHEN coalesce(p."provider_currency", p."currency") = o."currency"
                           THEN p."captured_minor" ELSE 0 END), 0),
                count(*) FILTER (WHERE p."status" NOT IN ('SUCCEEDED', 'CANCELED') AND p."share" <> 'WHOLE')
            INTO claimed, parts
            FROM "payment" p JOIN "orders" o ON o."id" = p."order_id" WHERE p."order_id" = owner;
            IF claimed > total THEN
                RAISE EXCEPTION 'payments that ask for more than is due are refused'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'payments_within_total', TABLE = TG_TABLE_NAME;
            END IF;
            IF parts > 0 AND NOT is_allowed THEN
                RAISE EXCEPTION 'a part of an order that allows no partial payments is refused'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'partial_payments_allowed', TABLE = TG_TABLE_NAME;
            END IF;
            RETURN NULL;
        END;
        $body$;
        CREATE TRIGGER "payments_within_total" AFTER INSERT ON "payment"
            FOR EACH ROW WHEN (NEW."share" <> 'WHOLE' AND NEW."stripe_payment_intent_id" IS NULL)
            EXECUTE FUNCTION "refuse_payments_above_total"();
        CREATE TRIGGER "payments_within_total" AFTER UPDATE OF "total_minor", "allow_partial_payments" ON "orders"
            FOR EACH ROW WHEN (NEW."total_minor" < OLD."total_minor"
                               OR NEW."allow_partial_payments" <> OLD."allow_partial_payments")
            EXECUTE FUNCTION "refuse_payments_above_total"();
        """


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        DROP TRIGGER "payments_within_total" ON "orders";
        DROP TRIGGER "payments_within_total" ON "payment";
        DROP FUNCTION "refuse_payments_above_total"();
        DROP INDEX "payment_one_live_for_order";
        CREATE UNIQUE INDEX "payment_one_live_for_order" ON "payment" ("order_id")
            WHERE "status" NOT IN ('SUCCEEDED', 'CANCELED') AND "reopened_at" IS NULL;
        ALTER TABLE "orders" DROP COLUMN "allow_partial_payments";
        ALTER TABLE "payment" DROP COLUMN "share";"""


MODELS_STATE = (
    "eJztXW1z27aW/isYfWkyo/XkrWk22dkZJ3FvvW3ijuPc7tz6jgSTkMRrCtAlSCuabv/74h"
    "yA76RM0pRMqfhki8QBwecA4MF5/WO0FC7z5cmHSIZiyYLRW/LHiNMlU/+U7o3JiK5W6R24"
    "ENIbHxs72VY3MgyoE6rrM+pLpi65TDqBtwo9waH11YKRFQuk4GS9EGRFN3JMbrlYc3KzIa"
    "G6Kxdi9Z0knvuOTNm3kAWc+hPPnRJP4v2pjG6mRMwIJTfRhgWqbShuGT+BAbjCUSPw+HzH"
    "z7rm1/w07nxBJRGckRgJQkPyRY1ipd5/vfCcBXS3pC5TvxgnXgi/Z14gQ8IZc5n7Vj0I20"
    "9WNKBLOSU0YDgA9k2hSfAqU8OT11wNJlyoBwTs3xGT4ZhQ7ibkc8ZZQAFrfAVFF8LovVCS"
    "W7YZEyk0sYKD3amBwuP1myZjx3GNicC3UHeuuVTPJqG3VG+zpLdMt8eL6qVPyNRlMxr54U"
    "SNcCHcLHyS3jEXcF8yHhJ9Xw9ANYikuqcAUW/KAT11Ceafq7Cd+lSGEwlvyB021a+I1xTU"
    "ixSdBaMuQUDSF1AsAgbTyFU4Owvq8XeGVm5UZ+6EhlMyD8RakrUXLgjgsLnmlMu1envVme"
    "YccNoMVHU6V0OFkeIci7inBjYJxVy9EK6c3/+pLnvcZd+YjH+ubiczj/lubmF5LnSA1yfh"
    "ZoXXvn49//gjtoT5ezNxhB8tedp6tVGw8aR5FHnuCdDAPcNv5mYWHI9836zN+JIesboQBh"
    "FLhuqmFwwLof//mkXcgRlEXLFU6J14rjzhbK34+t9mhJnWk8nni6vJl7OryWRUWuwwksKa"
    "NJccwWGj8HgIeP3xp+43xQWvjuABH346vXzy8vVTRELIcB7gTURt9CcS0pBqUsQ+BTuzoM"
    "uof1jQoBr1AlkBfjXs3QAfg7UDeEdL+m3iMz4PF+rni++/34L3308vEXLVCjEXajvX+/xn"
    "c+uFvgfYZ7BWU8VvhXJM0Alfg14Cb9wkxTf9/Owd4JcvnjUAWLWqBRjv5QE2G3y8y7Wc09"
    "XUvUB/7DM792EuY/4/Xy4+b8U8JSzA7Xrqy/5/xPdkeHgzfgvOgAj0vJTy334W3iefTv+3"
    "iPyHXy7eF7d26OD9Ni6oT3iZER8VdiCkNGCGoS/yw3RwEv9zVFy5Ov909uXq9NOvOdZ8PL"
    "06gzsv8OqmcPXJ6wK7kk7Ib+dXPxH4Sf5x8fmsyMGk3dU/RjAmGoViouTuCXWzmMSX40tV"
    "HE8l2jLLz3m4ldt52gK7FWZdPuRNOPy8yN7nD9jh5vDU/3jx/NUPr968fP3qjWqCI0uu/L"
    "CF6+efrwoLqSSstxFIK4kfIJ8ezvK5VwxNEVbnCdluumYo7CSFK7njXwsgS3T7g/NZEc5n"
    "A4MTTs5tRMYcUT+HoCY4jspnzN7kw9evGoiHr1/VSodwq2qixnqFtkJJmdqKJEMWSZyAAe"
    "4dOJ2n7IHLndbWLg9i6gXdC+5vzAw8ELabxbKV69HK7cj1PKXl+lC4XrHYcfSgtp3dZnSJ"
    "cOGGOrdrGriT3J2M5uuOARqlqfHe0P348yXz6w4hBUPLGfR1gPPgz3jmx1fT+ZACJQJXyb"
    "kPA+oC+jjYj+B2fIyZ5IEI/ap7OVKM9MHzgRB9AauUwekTdnhMSw72LPFC1O1i5VvLF8vi"
    "FcrpHF8Jng1PqtyntliMk43sfrPxhCVt7zUeX4CRdUH5nGmbbNngCnZLvJU1NoYLtiG3jK"
    "3GhEoyNazHMaKpEqyPQMQJ7lFlQ/KengtG5Wlq9QSzMhdkTldoqfR45snvyFSbQh0B2gNt"
    "K4aOta10FbA7T0RS20vrrJa/jwoGgeTo/E9r0BygQVNGN/9iTthSaZenstq6gmGhvZbpcR"
    "RMuxTje9Y3IRolPOtVTXH7/WmZ9maS7F/lpD6QImhjh0wIHmR/7KbMS/fem8jzQ4/LE3js"
    "Y+y7OzFL3rCZCCrmej03UgrLjt7ZQWcha7c2YgLLjN6ZIVbG+NpSXinSWYml0hUCpf1ubk"
    "BZ0uNzv9qlF5Bxuu0Ge57YAt8IeOE4URB0Ur8XSI9Q/364+vaymSVgDmhBujC6QGoZPWhG"
    "53RTbbbREqE9LzY4L7ZF2YLbAtyt7tj1Iu52P+wHKUSHu1HdI+KWjK9llMsQ/6jO0t6c/8"
    "w2CPS5Ggut1sxVhLQdJrQli4+6HNB1opsvTi6FgXpzFiIKl2r3vjz/cDX6s960vUsD0kdP"
    "vTpbKR5tRhXmo+zt8TbjkVto2Mhy5HqzGQtAc3uCgX2gFUc7TBLx5SXRZALvYhiciAJp4t"
    "SMrUcbZjirNhT1/xgMNuREHYw5manZpx4Wm48CsR6ThVhjNJ+CfUOCiEtsRbxQDUD9TMLx"
    "1P/aMDUTEd6Pg/3AZgScMs/HqL/0NchaDUSTrBeez4AQLq0DLwwZVw/xhUP9aWx6Eneey4"
    "I0Sm/mzSO11uGdGXUWRKrbDQPp/hilE0t9gtRi1QsoVKgl8p6a50DGvikBQYIjbTIPzfQy"
    "6yneCkbYWE0Y/IH7eeYpCiSzcnb6GGPtnzywV2uYG4JhzvfuGOxSZcjfC+Ezymv8PzNkBe"
    "xvFN3hfqOq4H1/cfFL7ojy/vyqIGh9/fT+7PLJc+SAauTpb1bZvnSr3q5apD3j0bIkCeQw"
    "j2mHLN6O1rBJ6w1YFr8xTQTdly8aBSBuiT8s6b/0d6yV1islGTLYQ1J24Xe0jf0iIbD2i9"
    "7tF7Eg04YfWRrLkt5ZkkiAXXb+hHiPwSwXv559bgm+3vxvmIMJNiB3R5cvwPPXDXan50U1"
    "YLo5wa089ootCsrqQMz6j0Ce6vhsHs+fPWsS7A/N6rHGmxVo36mzx82mzf5TILMR5933mg"
    "TKLvaIHKkN6hqyOaJwym/D5wLpEdqdDjTAp0lYV0YBU2J7vaIkT2VdUwp7ZtTW2SelsFhu"
    "tYEooHowf1wyNVbH8z10sLrUfR4kuveaQdKZVWMBqdgMekD46OKvirjmd8BBWZcwsuZSfb"
    "H0e5bMS7n74232Je0hF2SaNktsKaSHx2+Pp9YeyEYIIjfaPzBY9G1suiEzEWibyJpu4L55"
    "IlhYwJgSipXnjAmE+BDq++r2yvccKmtSXe7r6WCPggdiv55EOrJSPIG0mvB3TDhbM2nsSy"
    "dk6kSBFEFiiILEByZcyRjCgMp0JD2wOU3VQgtCk67xyY0IF9cc2P0WQqKSgUoSqdUSwAs8"
    "PSG/QXZNmtxl3JVjnd8RoqfmOgWndsAmU2g1CReBiOYLHJjHcSQevxHfIKtlxODyNYeLS4"
    "EZLGeBWJqMnpSsAuEwCYk9N3rg0JCzb6GBAK1hNAzZchUmbz5javtVQ8EsohgWph47vYhd"
    "XreEakkRBXrjyZoNkEc2XGuQVqGUY53UVQn1kLXnI5jU+e1jGOoqa5Lbq0lO70Mdp3pCvE"
    "fNbDbaPg977k5RNQtbvwZxELM8+xFrr6XK0x6h+uJA1BWN9FRahGqje08pjk/vvqMgj1jk"
    "bLuW8pRW4TvkhTTzuCcXndhcILV8HjKf1QGutUI/qozMtV/CQTHWnKnLzK3N2JCheMQEqw"
    "PN1mCzGtZDfVzmr5J54XHUtIm2a1Sho01vjrcpaEWuWbPEUdT3sTzMLdug6hPUoMsoxG7G"
    "qJ1bi+DWlH0JCRxWXXB8D7QuD4roiCh0xLLG8b/PB2AqKFNJx2WBB3V0UPsIWIzNo8ZJ70"
    "ivHvuWeKYajlgudZ0hX4CHP7r/sxWu17h0EAYYUE7UL+oTzx1DFRxXV8VRtPFltXOKkHEH"
    "UlltZJryCtS6PvWWU2jDQ09x35QSAmWxLjMUKEr9bLHW72TUqqSJVjWktyyF7YlW/8Yy2N"
    "MmGta311yo5YvQLoTvYpDEBiMXYPxxtSW4JcdQzkkxBdJ1VZVeilXVMXqhSIo8xWWVQPcc"
    "QjUhCbrnFFtDop5YU6ApExqSg1tRoAp9IsEeAapwPGkYnH3h3BJMYXHNjWoCRgHTz8PUYb"
    "7gc3gnOmMwXBgVoXMsiaQnhwn6gKAOVKvrN9M6dSifRKG41R0ozRkHcngFn6krcnrN47JX"
    "ciECnEyL1KLg8VUE6n+1IZjwEkHuqB8B6hDGydYGdcQMfuPKcZnjyXg+M3ClhDAanDgL2H"
    "MjNc/8qXk7/SF6a14lM6GwFYkRAZgzkwqYKng8KcdgssCFt+YaUHlCTq95TIGAqjeWZm6D"
    "2SRMimCZ5xmTAlo2oClGxxgwmfsOHkc1JS4KhM03RgM9+BVVs6NW9b9Su4zjrbSnb+zArr"
    "hc0vvvIsKkGB7DZmp62LCVYzBQ5OZV8yjsDNGQTRMdNUsvGzl0vtziz/my7M559BEruBsa"
    "YaSLavxVE9Bf1WP+qgw5q/CcrZ/WpvmQQR6SqlRJYUqygL2gVUxQgewI0d5BjQmUt8oob4"
    "kKSihsDEruON5Ljjmbf3E4zMADaBuJMSGw7qZFS3KXzGY9pDTrNrF3NYF3vZkfXATb+efJ"
    "r5cXf7s8+/KlJeajBbgY0qCLONi/pwSbzWrjl+9HPqXeI/Sfjea3dfCgJ02V80RXNwwegG"
    "6tze4Stz+6faV/aDuVyRxMfcyBWsba1/ztqdivFfaqhL2cJrytrbJEbJ03hmzjx9KIq0Ao"
    "oCvk+3uqVmbojs/zrX+Z9FEdZQaG9TGtIesn06s0gDWa2uayz9BYjUNRurIB2P1rcWLrbA"
    "tIc0QW0YFl+D1KVFkQtFOiJwQ2pc1DUtqAo00b2FMKi/sDrBTWw/Yv4mFr64YfM9crTl2l"
    "CsU2uuivcbhm31ae6q4Dm/OUR7i6D53NQwmTwFr3VSESgckwuyU8AprgpWaJa+hSRDyMnd"
    "jlQqzImnLwMxfkBrKzeMaNO0waS7yKF/UBkrngBz+jFfWz+38EuoTD3cnS4yKYjsGtXDcx"
    "V0w1AqMuANN5JHVNglw8BVZhALS+g6fpyH89DlPewOSFueYKRi6pNrAkWWuQQL+ULhCO41"
    "+CmzxFe0NczBtHg9d03e64OMICnMAxzaskNHI97MfjJ/Hr0bAYLgEu5Ma13WTSMaNZCs42"
    "eixqYDIu0wDu6vxd1tVf3RBrBvEJOjEOPAxc3xV2MQRFH3uMrIjNS9opHnzlk9rl5MlUsu"
    "DOc5g8wXGcoLPCCbRST5g+JasolPiW8SMws07AdLAFxGYk+YJGyWbWuDZE4bydkZutm/qh"
    "u6krhrCAU7+lb1KBrB8ngvuBP2y/3uzIWmBdIDs+q9uu8jyHIlQzFL9YZbzfe/NaU02B8J"
    "jq0P/nixcvX/7w4tnL12++f/XDD9+/eZaYbsq3ttlw3p//Dcw4OXZUxD9DkVBTSKrpfM/S"
    "HKET+8smETD18S/FSZ7Kae3meJ5uf1P82VHN77xc3I4DZVrLhW5cyB9Eqvea+/1Qy73s0T"
    "fy6+dfT7W42sYj1Zy2imfCRttQ72WMHLoKo4BNlupQITpH5JV72SMXTr9eXXw6vTr/UGZE"
    "/lbRMVgdZfUJ0TNnwi4s6d9zlfq+WE8gEN5TAk02+V5hm9qWtrG+kz0mcUyuZJlSrXTp40"
    "TVY/ZGNZEpHL/amAazNNbZtXeboVH+tFUuZ8is/WBoiuUsf+9YINt562corHNecQfLaVtb"
    "gFqiOxr5tl9o21aRzxEdXfzODgrJWxeRI3MWsC4if0WuN3ERsS6le6iXFKNVRrh1SZ8Pma"
    "4OEtl7a/oUplbroj4lNVfV+d1Q/vjzJfPrgk5bF1Ea2rZVh3jed+iuN4iwpNEx4bRLj5p4"
    "WlX41GRmXL1XTaZK2P1uNZ9Q10blLXiaQIpPSGA41pq3nEvLGDxMUL9OFHdCzDMJaRVjG1"
    "PZnaa/ruNKTlqfnLjfoHFRoo9KnJlyTNT+AO4tNxtS7eqR1U2zKaY4PIm9ciYrxqE2jPHN"
    "ueYepDoNIOui9i2R0VKXkIHWJu0iPF7t9+pZzDU5JEOyYSFmiVRvBwlIjSZWZ2Cs9ZQBfK"
    "55ov0MGKZpdE3uR+bPVFdamQuORFDDaaIdfbJ+OxiCoB13JKcruRChGSgkskRnGTVD1Zxb"
    "3kDBLBwvZAJVAnr4rtCHLwWBGSjzGUWhsxn1fHw3/U+FA5Bx90HXH92ImMC9MeQBVehDxS"
    "6sH43JQWHhyBSsrT5FGiNwG8LucUqNgVR9IePRoL8OZ2Yc11zf1BvW28yEWYN7j/lNQtUC"
    "/H9wSjhMrZNJFPhqmqiZIdP8p+YeOIWtFwJfBNKMKjr0+IonruGLdhNLHL6MSxXmGTWsWc"
    "MQkpUCKV9NhfZJgRadxeJ7yWOueXYNmDeiah6qfyCr6DygSxxg1vnLJDwFfytsuPYkOyGn"
    "6qea5ZI8MYyAXSV+fCggNa4nV1GYOLA9xReC8mCY+jQZ01uYamaWxap8XaQNMveKKEQvq9"
    "wSn0p1UFfLQ4JbmGZ0nHkWdwX04Mo6tCnEMomJ44zA6vXxxfGtdDbVG4YchAkkklStWqmy"
    "Ub/1hJkHYi11L1iNLVk/udS3oUldYvYZ7RuWPDLA1e+lbnZZ57WAwSC2z+x4HkaBagh5lm"
    "GO4cqlyWvjqyRJWmcepz6Oo5NHWu5c3m8S1vzpr9++s+ui/95Tw+Uu8an3Buz9UdkIX+t1"
    "eEReh7aA3F5NkA/zi3gUf4jzz+dX56dXZ61dIpJPXjps6xqxW9eI+7KmDdQ5QrIwWk1mEW"
    "IaSXWs7bxCKnsasKPuCCtAgCCHUwkkzVumc5MMgC8gT3dmRUy8x6Xx208Xv1QkE0wv57HP"
    "Hgy6IP6mAeBvavF+U9qbrIvujl10i1J/cxfRIqX1RO/uiV7QC7RjRBX10XgzPAonuvlMl2"
    "ktF6zn+qFzIa/B78KLcg+WI904klcUt+NFmdZyoWNER9Fa0EY6rSQe8GlsGFJqpfGm3fyv"
    "7aLTMhga+I+yECSqsyZJZkYe1qV13Jbqvb6P41sWO6pejxA6CuM56wZ/jtbC3gj2On3p1s"
    "iZat2oTarXIkAm46XRBvwCmeVAdw6kHi1tGJCnsvg/oB5C7CBUhv+eRHNZQhsmNhxX8XKE"
    "QMZnqy2XC6SWz8Pmc+Jg157POVLL5+HzeRIwKusyLDUxshc6GbCoPlovNnEmunimdrEo9u"
    "/wkHFDbXNUKpANGPqup6Rnr5qYb6FZ/TkJb1aUPsTTfTzMKsFx2xm1mv4IObCLc2reVb6j"
    "MJGhtt+ZIX9nbEaPwR3XbMaHUf8ZH+Igg7b7WZna7mdD3s8yER5tWV0gtXweMp9tHoz6Df"
    "QwMyLYPBh/Ra5XLHabB2OHcUyDKFM5tLXTD6AyWik5nKkxtES1RGin6taULUm0wQPztST1"
    "UQ5zut6brSW7WmtStVRtsz0gazPhlOFNV3kPADdPfHOg+Jb2xAfkGnI9NVS2Uoh6VeC3ya"
    "bzMelqczzYV09Td3JT4am6m+xMhwgUOEdEwUMnlMHoR93ZEX2MKkIDHgjVJXZyTBDtIYeV"
    "zvtVn8gqyQt2bzarCbtrnNPqAnJHYf6Vt7pgmRNCjhjMN0MjoIgzSJkcPNpchFcxFVE5l9"
    "XDu9QJbpJCa5CNhwsypyvMOOPxpEbZOzLVtdccyJajs8Tgy8fZf9idJyKpC7TVpXzJZ/xI"
    "Mgf/s5AK5vdCofp8Q5vd47Gze+S50xT0PJU9zlUGirWDNEdkES2mf2id0PxxcpnvPqalN7"
    "sholHCs97tJG5/hDkE+k9jjl/vMrr1PgcJgXU4yGnte/EPD8TygfWmCl0M2NVqlHomPb5r"
    "YSgeiHuugyGjjiL4MEB/5BQmAxNAbC3NgXxkew6BrnPfrP/E1rts2m/sg7+xyf7XWOCJCS"
    "wzemeGWAFmapBtzd8FOnsMrYwsR11Zt8DyLOmAxZkh+esb5Exu+G6w54kt8I2AFw5KJF28"
    "0QqkR+iOdrjuZ1U+xQ7o8rv5FOdILaMHzeicZafNNloiPMLzSf9KwLYoW3BbgGvdO60T4h"
    "AcuRo4Idb7cO3BQSL2vKl3kcj45tzvJDHLNG7kJlEozBTX0JEEU98QKgklDvV9FhDJGFY4"
    "KqpRu/aDDhGm0pQH97WxXlPoGkuKe+/I1GWO73GmmO3q2llfktpNUHOJaw8JoBpDMSD1AB"
    "o4WHMHijjFR4u44s4199y4NlVFRau3UPArLaFEkkM3WVJXF25KXlJxIa26pB5WTE8GBcRc"
    "xRZPzQmoWhZTvsv8n3127DQS4sPXGjTsjDx5+fHLU3iDpMO4LJj2DelS+qfgXJDNttNv8Z"
    "ksA3ErSh/8kKdYF5UhuKg4lcVntujRq6vOWDGqSowqrpymIJdW3NHpVJ4/e9YAbNWqvlwG"
    "3MvD3TpLXD8J4oY2q/etELe5KR8H925KW6ut7aKttTafXdp8bDbhR7H6WFPbPkEfTCLVA5"
    "JXDs4IYDOL1C+xw8wx0SSzyCPHeQyN0ztRma/SeNC9hT8PFNh71eb5mTUoxfmlQvt95Nyy"
    "yrjCzN3xNoU58GxykzZspCzX7ccEKnbpQvRgE0zK06/VVDghV+oyPga0tRH3xXwOWmV0qA"
    "N9bgAk1PdNb5LQgJGZesdqxfqOn4lKeF8JY35SkZ5HyxsoZT8jKwHzhvhshgXqM+XqpzSc"
    "viNTLEE7JZJuUGMOSmdsBWnrEuX6TKixE8ZFNF80VFPXanZvWSufXdO8H1Xj/Vrd/Tnr9u"
    "SVvqWsOEyJiq3SF7TGOz2hKKA9A5LD3SqrEP548fX9L2fk18uzD+dfzo1iJhEn8CZcSuuI"
    "X56d/lLOc0sdL6yYzlswzhJZmJvAvGLBRDL1zArBagvQeTILdROok3rkhYgWIXxGeU3UYk"
    "xTgPhGER0Xwu8vLn7JHUbenxfCVD5//fT+7PLJ86d5pMvRK+2Phkd7JDyQI2Dtyb90XHkk"
    "mRq2OsfzPVQ1X0a8UrQuNdouYeeaTwLTvlnyDrFc0cCTgoMYqgSLYAMpMubg7PE7BHuOSS"
    "ienpDTUAmkSsQUHCVfSKA7JpA1A4XdgK18z6GyJptHv89AQdqNWCJGG0kZelKysecoAZys"
    "AuEwKcmSbghsfdoJJeK6vyfAFYWLxz25YO5TnVNkahxFko5nTMGqxhkKtXeOr7n2gZlexJ"
    "aCKXqiKEZPNb0TBRJ8bGiQPO87qWR76UHr+JQAp4l4eK7HwLeGCxTo4cXngqlX5/g21xz9"
    "U7p4nKhhBWFfTibW/WMI7h++d8eWld4JWz/8WTL77W/+7cdId721tLYC5EmtNDA4aaAQm9"
    "+NzTlCy+RBMxlyOXpVWQC2bZ0p0R43zuTKwe6cKBK1UR4mBEfoqfj8dRPnueLSyPjOvS7V"
    "bUIpsw2+KYW1/zcrjbVgzi2rEG5rM4ZkKPaXZOvZrhDuOcOW3kdb4ZklsYAWAVWn37bCii"
    "GxxW6GLKUYBUSLdZKhsBXBKgSRoJuHT57yCGX7I/bwibV6Xdz38qR2sxzaZtlCi2/LAgwi"
    "PblJ5l5p5YjTvG8zbSRt7jVnfBKcbUB1Dgr2Nd0QeIE0VjTJK4zqfRgliXjo+SasFNOEUy"
    "7XTEmdYyICMCX4Wo8votARS+Pyc6vmIy8bOvb+9AeFoGY8WHuMPs37xVqjgzU6WKNDS4eD"
    "x01ZOjTQbc7SgWjZes5Z+rBcyA9MhNwJaTVNzq/Oldj7seX+PYqzVpB02I+fGll9qGVV5f"
    "FmDEiphzzVR+vFZhhocxG2sofE7Y9PW//8WdNkAluzCZTSCZhsPJNt87o+Yi9PeXyo78RG"
    "YoIOasrH1ScUKNLZtMc52bGPbAPFM2eb9VBFa1dEoxWxZCGFg1Sb1ZClsSuh95VgY3zrF8"
    "TxWgCilduR63lKy/WhcL3CIFCqPWoju21kt43sbmSU+ULvmGs48Ekn+Kow0FS0Gm8z1kho"
    "P4lfO00cdr/p5pQYKqKpdKpOSuLi6+SWsZWEyGhjLoHkoz6FaApDWBF60kenGGuiyZOoEM"
    "npSi5EGPcXMIepVyHq2lq+JTcB5e5YB2bPRBQQ15t7oRwT9m3lBZsxWUNy1vAd4QxDW0wU"
    "+AmZYgMmJ4JDOlOZxne7FC1LOrbFC4lDlbzGSCSZq8giiREoHgSGm9jx5BWpWtpMvbl4p2"
    "1OOtkqBs1oTNZYHFcNHnh3zTHchJzmEFMdzyEyJQVKre2NJDp1KmSfzYaru0qgdbQJfUvJ"
    "XHPKyM+V2DZlBo9JS7eZtLINx0WJzVqfrPXJWp/aWZ+2rcqW+oPKPoasLR6YIuFxsnQODe"
    "t9qwvwU9rVKpIQD1hdNtoiInSxlfQf3ZAKQdVn9+r5n6fadm4fDCv6WARw7C7lsU7kr7bK"
    "jwKp9X4cjrKjrONSZwfpVS2SWg+RDIV1FS/5fFhF8ZGpDK2i+K/I9SaK4oLeoOlZvkBmVc"
    "XbVcUxXD3oij9kujpMaO9VFhcm16C0xb+xm4UQt2eQR3xUoSfO3R9v0xCvdUudkryhapjr"
    "skuQOih2pdNFr0QUorO9ZOoTHEqdwwcVtKGaH3HeTpNpB2pUlTXE/fWdJiXKZxKCVECltE"
    "Hv8qmGaCHREJECtLxCbb5kHog1FLxSo2NyShxw8pWqHXBVXvO5dwd00Qofe8PmHoc4ArbW"
    "ilmKWZPo5oQgc3Q2UsUeH4paqTFhzTZsqn5QMpXRzb+YE07fJnAkOnQ1dfGPO77mQuceFd"
    "j4O8yNqm6AcpmbiloQ4yA4OwF9MGjjdAncYsYmdRSNddqSmLlBHDW5xsgX4unaYcijaw6q"
    "6hkL4YRiynfdq1/Opr5PlIJbdcrIX2iOWv27HZXp2mnnhomo7DN1F/qJ9rA68SHoxCumdk"
    "vd7IMLQgztI7sHlay1ROw3DsbBL12byZ0hGbACdkhzmq68Sa0aaQvQebLjA7v/4oIITguI"
    "4/ZHuDs/f/GmicngxZt6mwHcKxguRRQ4nQ03KfUe44l+O3v/08XFzy1lj9FCrOFsMPMCzP"
    "uP+nrSLaqof9tNRvJsLJKkJEc42XeybasTmS9oK/NwhsTahx8UWEHrIrmahS3ue5e5PPtw"
    "dv739kGLsM3MaDCMbeVAsiIdSvIwVCW1ADNp/4hQPhsOfDb32nEa1MHTdlJTlrpefslTHd"
    "9ZaJc1Tbvb3Cs7OEIj7DGtr4LOuw27C6RHyOgDtbY38bHIGoBafzgLtPYLOuQVbsyhnThd"
    "pLWcHhqnS64ej+OMcMoCz1mMKtwQzJ3xNgcEmra5z/OgnrEPqKpZZa+rPXhVWugqTl1moj"
    "/MQrrLj1svJ7B6i2gHG8ZD7ReDkx/2YS1atbMSrY4U3edNUxhty2BUqjgg0L+mjVI3Q2KV"
    "ui2Vuo/6Mfvz/wEN+hm0"
)
