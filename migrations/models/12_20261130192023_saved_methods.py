from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        CREATE TABLE IF NOT EXISTS "customer_event" (
    "id" UUID NOT NULL PRIMARY KEY,
    "subject_id" UUID,
    "sequence" INT NOT NULL,
    "type" VARCHAR(64) NOT NULL,
    "actor" JSONB NOT NULL,
    "before" JSONB NOT NULL,
    "after" JSONB NOT NULL,
    "operation_id" UUID,
    "stripe_event_id" VARCHAR(255),
    "stripe_request_id" VARCHAR(255),
    "occurred_at" TIMESTAMPTZ NOT NULL,
    "recorded_at" TIMESTAMPTZ NOT NULL,
    "previous_hash" VARCHAR(64) NOT NULL,
    "hash" VARCHAR(64) NOT NULL,
    "customer_id" UUID NOT NULL REFERENCES "customer" ("id") ON DELETE RESTRICT,
    CONSTRAINT "uid_customer_ev_custome_d15f4c" UNIQUE ("customer_id", "sequence")
);
COMMENT ON TABLE "customer_event" IS 'One change of a customer at Stripe or of a method that they keep, as `PaymentEvent` is one of an order.';
        CREATE TABLE IF NOT EXISTS "saved_payment_method" (
    "id" UUID NOT NULL PRIMARY KEY,
    "livemode" BOOL NOT NULL,
    "stripe_payment_method_id" VARCHAR(255) NOT NULL,
    "method" JSONB NOT NULL,
    "usage" VARCHAR(16),
    "expires_on" DATE,
    "detached_at" TIMESTAMPTZ,
    "version" INT NOT NULL,
    "created_at" TIMESTAMPTZ NOT NULL,
    "updated_at" TIMESTAMPTZ NOT NULL,
    "customer_id" UUID NOT NULL REFERENCES "customer" ("id") ON DELETE RESTRICT,
    CONSTRAINT "uid_saved_payme_stripe__54170e" UNIQUE ("stripe_payment_method_id", "customer_id")
);
CREATE INDEX IF NOT EXISTS "idx_saved_payme_custome_f59060" ON "saved_payment_method" ("customer_id", "created_at", "id");
COMMENT ON COLUMN "saved_payment_method"."usage" IS 'what the customer agreed to';
COMMENT ON TABLE "saved_payment_method" IS 'A payment method that a customer keeps at Stripe for later payments.';
        ALTER TABLE "customer" ADD "stripe_generation" INT NOT NULL DEFAULT 1;
        ALTER TABLE "customer" ADD "last_synced_at" TIMESTAMPTZ;
        ALTER TABLE "customer" ADD "stripe_params" JSONB;
        ALTER TABLE "customer" ADD "default_method_id" UUID;
        ALTER TABLE "customer" ADD "last_sequence" INT NOT NULL DEFAULT 0;
        ALTER TABLE "customer" ADD "stripe_customer_id" VARCHAR(255) UNIQUE;
        ALTER TABLE "customer" ADD "version" INT NOT NULL DEFAULT 1;
        ALTER TABLE "customer" ADD "stripe_params_at" TIMESTAMPTZ;
        ALTER TABLE "customer" ADD "last_hash" VARCHAR(64) NOT NULL DEFAULT '';
        ALTER TABLE "operation" ADD "customer_id" UUID;

        -- Stripe lists events of twenty types at a time.
        ALTER TABLE "event_reading" DROP CONSTRAINT IF EXISTS "uid_event_readi_source_fcf2db";
        ALTER TABLE "event_reading" ADD "topic" VARCHAR(16) NOT NULL DEFAULT 'payments';
        COMMENT ON COLUMN event_reading."topic" IS 'which types';
        ALTER TABLE "event_reading" ADD CONSTRAINT "uid_event_readi_source_1a13c6" UNIQUE ("source", "livemode", "topic");

        -- A customer's trail is append-only, as an order's is.
        CREATE OR REPLACE FUNCTION "refuse_change_of_the_trail"() RETURNS trigger LANGUAGE plpgsql AS $body$
        BEGIN
            RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
                USING ERRCODE = 'insufficient_privilege';
        END;
        $body$;
        CREATE TRIGGER "customer_event_append_only" BEFORE UPDATE OR DELETE ON "customer_event"
            FOR EACH ROW EXECUTE FUNCTION "refuse_change_of_the_trail"();
        CREATE TRIGGER "customer_event_no_truncate" BEFORE TRUNCATE ON "customer_event"
            FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change_of_the_trail"();

        ALTER TABLE "customer_event"
            ADD CONSTRAINT "customer_event_sequence_positive" CHECK ("sequence" > 0),
            ADD CONSTRAINT "customer_event_hash" CHECK ("hash" ~ '^[0-9a-f]{64}$' AND "previous_hash" ~ '^([0-9a-f]{64})?$');

        -- References that are no relations of the models.
        ALTER TABLE "operation" ADD CONSTRAINT "operation_customer" FOREIGN KEY ("customer_id")
            REFERENCES "customer" ("id") ON DELETE RESTRICT;
        ALTER TABLE "customer" ADD CONSTRAINT "customer_default_method" FOREIGN KEY ("default_method_id")
            REFERENCES "saved_payment_method" ("id") ON DELETE RESTRICT;

        -- One operation at a time is at work on a customer.
        CREATE INDEX "operation_customer_open" ON "operation" ("customer_id")
            WHERE "payment_id" IS NULL AND "due" IS NOT NULL;
        """


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        ALTER TABLE "event_reading" DROP CONSTRAINT "uid_event_readi_source_1a13c6";
        DELETE FROM "event_reading" WHERE "topic" <> 'payments';
        ALTER TABLE "event_reading" DROP COLUMN "topic";
        ALTER TABLE "event_reading" ADD CONSTRAINT "uid_event_readi_source_fcf2db" UNIQUE ("source", "livemode");
        DROP INDEX "operation_customer_open";
        ALTER TABLE "customer" DROP CONSTRAINT "customer_default_method";
        ALTER TABLE "operation" DROP CONSTRAINT "operation_customer";
        DROP INDEX IF EXISTS "uid_customer_stripe__f07365";
        ALTER TABLE "customer" DROP COLUMN "stripe_generation";
        ALTER TABLE "customer" DROP COLUMN "last_synced_at";
        ALTER TABLE "customer" DROP COLUMN "stripe_params";
        ALTER TABLE "customer" DROP COLUMN "default_method_id";
        ALTER TABLE "customer" DROP COLUMN "last_sequence";
        ALTER TABLE "customer" DROP COLUMN "stripe_customer_id";
        ALTER TABLE "customer" DROP COLUMN "version";
        ALTER TABLE "customer" DROP COLUMN "stripe_params_at";
        ALTER TABLE "customer" DROP COLUMN "last_hash";
        ALTER TABLE "operation" DROP COLUMN "customer_id";
        DROP TABLE IF EXISTS "saved_payment_method";
        DROP TABLE IF EXISTS "customer_event";"""


MODELS_STATE = (
    "eJztXW1z4zaS/isofclMlc41b5nkZq6uyp5xdn3JjFMeZ3O1cUqCSUjimgK0BGmNKpf/fu"
    "gG+E7KJE3JlIJPtkg0CD4NgI1+/WO0FC7z5cmHSIZiyYLRO/LHiNMlU/+U7o3JiK5W6R24"
    "ENJbHxs72Va3MgyoE6rrM+pLpi65TDqBtwo9waH19YKRFQuk4GS9EGRFN3JM7rhYc3K7Ia"
    "G6Kxdi9Y0knvueTNnXkAWc+hPPnRJP4v2pjG6nRMwIJbfRhgWqbSjuGD+BAbjCUSPw+HzH"
    "z7rhN/w07nxBJRGckRgJQkPyRY1ipd5/vfCcBXS3pC5TvxgnXgi/Z14gQ8IZc5n7Tj0I20"
    "9WNKBLOSU0YDgA9lWhSfAqU8OTN1wNJlyoBwTs3xGT4ZhQ7ibkc8ZZQAFrfAVFF8LovVCS"
    "O7YZEyk0sYKD3auBwuP1myZjx3GNicC3UHduuFTPJqG3VG+zpHdMt8eL6qVPyNRlMxr54U"
    "SNcCHcLHyS3jMXcF8yHhJ9Xw9ANYikuqcAUW/KAT11Ceafq7Cd+lSGEwlvyB021a+I1xTU"
    "ixSdBaMuQUDSF1AsAgbTyFU4Owvq8feGVm5UZ+6EhlMyD8RakrUXLgjgsLnhlMu1envVme"
    "YccNoMVHU6V0OFkeIci7inBjYJxVy9EK6c335Xlz3usq9Mxj9Xd5OZx3w3t7A8FzrA65Nw"
    "s8Jrv/xy8fEHbAnz93biCD9a8rT1aqNg40nzKPLcE6CBe4bfzM0sOB75vlmb8SU9YnUhDC"
    "KWDNVNLxgWQv//NYu4AzOIuGKp0DvxXHnC2Vrx9b/NCDOtJ5PPl9eTL+fXk8motNhhJIU1"
    "aS45gsNG4fEQ8PrjT91vigteHcEDPvz99OrZ67fPEQkhw3mANxG10Z9ISEOqSRH7FOzMgi"
    "6j/mFBg2rUC2QF+NWwdwN8DNYO4B0t6deJz/g8XKifr779dgve/zi9QshVK8RcqO1c7/Of"
    "za1X+h5gn8FaTRW/FcoxQSd8DXoJvHGTFN/087N3gF+/etEAYNWqFmC8lwfYbPDxLtdyTl"
    "dT9wL9sc/s3Ie5jPn/fLn8vBXzlLAAt+upL/v/Ed+T4eHN+C04AyLQ81LKf/tZeJ99Ov3f"
    "IvIffro8K27t0MHZNi6oT3iZER8VdiCkNGCGoS/yw3RwEv9zVFy5vvh0/uX69NPPOdZ8PL"
    "0+hzuv8OqmcPXZ2wK7kk7IrxfXfyfwk/zz8vN5kYNJu+t/jmBMNArFRMndE+pmMYkvx5eq"
    "OJ5KtGWWX/BwK7fztAV2K8y6fMibcPhlkb0vH7HDzeGp//Hq5Zvv3nz/+u2b71UTHFly5b"
    "stXL/4fF1YSCVhvY1AWkn8CPn0cJbPg2JoirA6T8h20zVDYScpXMkd/1oAWaLbH5wvinC+"
    "GBiccHJuIzLmiPo5BDXBcVQ+Y/YmH75900A8fPumVjqEW1UTNdYrtBVKytRWJBmySOIEDH"
    "DvwOk8ZQ9c7rS2dnkQUy/oXnJ/Y2bggbDdLJatXI9Wbkeu5ykt14fC9YrFjqMHte3sLqNL"
    "hAu31Llb08Cd5O5kNF/3DNAoTY0zQ/fDj1fMrzuEFAwt59DXAc6DP+OZH19N50MKlAhcJe"
    "c+DqhL6ONgP4Lb8TFmkkci9LPu5Ugx0gfPR0L0BaxSBqdP2OExLTnYs8QrUbeLlW8tXy2L"
    "Vyinc3wleDY8qXKf2mIxTjayh83GE5a0fdB4fAlG1gXlc6ZtsmWDK9gt8VbW2Bgu2IbcMb"
    "YaEyrJ1LAex4imSrA+AhEnuEeVDcl7ei4Ylaep1RPMylyQOV2hpdLjmSe/J1NtCnUEaA+0"
    "rRg61rbSVcDuPRFJbS+ts1r+NioYBJKj8+/WoDlAg6aMbv/FnLCl0i5PZbV1BcNCey3T0y"
    "iYdinG96xvQjRKeNarmuL2+9My7c0k2b/KSX0gRdDGDpkQPMr+2E2Zl+69t5Hnhx6XJ/DY"
    "p9h3d2KWvGUzEVTM9XpupBSWHb2zg85C1m5txASWGb0zQ6yM8bWlvFKksxJLpSsESvvd3I"
    "CypMfnfrVLLyDjdNsN9jyxBb4R8MJxoiDopH4vkB6h/v1w9e1lM0vAHNCCdGF0gdQyetCM"
    "zumm2myjJUJ7XmxwXmyLsgW3Bbhb3bHrRdztftiPUogOd6N6QMQtGV/LKJch/kGdpb05/5"
    "FtEOgLNRZarZmrCGk7TGhLFh91OaDrRDdfnFwKA/XmLEQUrtTufXXx4Xr0Z71pe5cGpI+e"
    "enW2UjzajCrMR9nb423GI7fQsJHlyPVmMxaA5vYEA/tAK452mCTiy0uiyQTexTA4EQXSxK"
    "kZW482zHBWbSjq/zEYbMiJOhhzMlOzTz0sNh8FYj0mC7HGaD4F+4YEEZfYinihGoD6mYTj"
    "qf+1YWomIrwfB/uBzQg4ZZ6PUX/pa5C1GogmWS88nwEhXFoHXhgyrh7iC4f609j0JO49lw"
    "VplN7Mm0dqrcM7M+osiFS3GwbS/TFKJ5b6BKnFqhdQqFBL5D01z4GMfVUCggRH2mQemull"
    "1lO8FYywsZow+AP388xTFEhm5ez0McbaP3lkr9YwNwTDnO/dM9ilypCfCeEzymv8PzNkBe"
    "xvFd3hfqOq4D27vPwpd0Q5u7guCFq/fDo7v3r2EjmgGnn6m1W2L92pt6sWac95tCxJAjnM"
    "Y9ohi7ejNWzSegOWxW9ME0H39atGAYhb4g9L+i/9HWul9UpJhgz2kJRd+B1tY79ICKz9on"
    "f7RSzItOFHlsaypHeWJBJgl50/Id5jMMvlz+efW4KvN/9b5mCCDcjd0eUL8PJtg93pZVEN"
    "mG5OcCuPvWKLgrI6ELP+I5CnOj6bx8sXL5oE+0OzeqzxZgXa9+rscbtps/8UyGzEefe9Jo"
    "Gyiz0iR2qDuoZsjiic8tvwuUB6hHanAw3waRLWlVHAlNheryjJU1nXlMKeGbV19kkpLJZb"
    "bSAKqB7MH1dMjdXxfA8drK50nweJ7oNmkHRm1VhAKjaDHhA+uvirIq75HXBQ1iWMrLlSXy"
    "z9niXzUu7+eJt9SXvIBZmmzRJbCunh8dvjqbUHshGCyI32DwwWfRebbshMBNomsqYbuG+e"
    "CBYWMKaEYuU5YwIhPoT6vrq98j2HyppUl/t6Otij4IHYryeRjqwUTyCtJvwdE87WTBr70g"
    "mZOlEgRZAYoiDxgQlXMoYwoDIdSQ9sTlO10ILQpGt8divCxQ0Hdr+DkKhkoJJEarUE8ALP"
    "T8ivkF2TJncZd+VY53eE6Km5TsGpHbDJFFpNwkUgovkCB+ZxHInHb8VXyGoZMbh8w+HiUm"
    "AGy1kgliajJyWrQDhMQmLPjR44NOTsa2ggQGsYDUO2XIXJm8+Y2n7VUDCLKIaFqcdOL2OX"
    "1y2hWlJEgd54smYD5JEN1xqkVSjlWCd1VUI9ZO35CCZ1fvsYhrrKmuT2apLT+1DHqZ4Q71"
    "Ezm422z8Oeu1NUzcLWr0EcxCzPfsTaa6nytEeovjgQdUUjPZUWodro3lOK49O77yjIIxY5"
    "266lPKVV+A55Ic087slFJzYXSC2fh8xndYBrrdCPKiNz7ZdwUIw1Z+oyc2szNmQonjDB6k"
    "CzNdishvVQH5f5q2ReeBo1baLtGlXoaNOb420KWpFr1ixxFPV9LA9zxzao+gQ16DIKsZsx"
    "aufWIrgzZV9CAodVFxzfA63LgyI6Igodsaxx/O/zAZgKylTScVngQR0d1D4CFmPzqHHSO9"
    "Krx74jnqmGI5ZLXWfIF+Dhj+7/bIXrNS4dhAEGlBP1i/rEc8dQBcfVVXEUbXxZ7ZwiZNyB"
    "VFYbmaa8ArWuT73lFNrw0FPcN6WEQFmsywwFilI/W6z1Oxm1KmmiVQ3pHUthe6bVv7EM9r"
    "yJhvXdDRdq+SK0C+G7GCSxwcgFGH9cbQluyTGUc1JMgXRdVaWXYlV1jF4okiJPcVkl0D2H"
    "UE1Igu45xdaQqCfWFGjKhIbk4FYUqEKfSLBHgCocTxoGZ184dwRTWNxwo5qAUcD08zB1mC"
    "/4HN6JzhgMF0ZF6BxLIunJYYI+IKgD1er6zbROHconUShudQ9Kc8aBHF7BZ+qKnN7wuOyV"
    "XIgAJ9MitSh4fBWB+l9tCCa8RJB76keAOoRxsrVBHTGD37hyXOZ4Mp7PDFwpIYwGJ84C9t"
    "xIzTN/at5Of4jemVfJTChsRWJEAObMpAKmCh5PyjGYLHDhrbkGVJ6Q0xseUyCg6o2lmdtg"
    "NgmTIljmecakgJYNaIrRMQZM5r6Hx1FNiYsCYfON0UAPfkXV7KhV/a/ULuN4K+3pGzuwKy"
    "6X9P67iDAphsewmZoeNmzlGAwUuXnVPAo7QzRk00RHzdLrRg6dr7f4c74uu3MefcQK7oZG"
    "GOmiGn/TBPQ39Zi/KUPOKjxn66e1aT5kkIekKlVSmJIsYC9oFRNUIDtCtHdQYwLlrTLKW6"
    "KCEgobg5I7jveSY87mXxwOM/AA2kZiTAisu2nRktwls1kPKc26TexdTeBdb+YHF8F28Xny"
    "89Xl367Ov3xpifloAS6GNOgiDvbvKcFms9r45YeRT6n3CP1no/ltHTzoSVPlPNHVDYMHoF"
    "trs7vE7Y9uX+kf2k5lMgdTH3OglrH2NX97KvZrhb0qYS+nCW9rqywRW+eNIdv4sTTiKhAK"
    "6Ar5/oGqlRm64/N8618mfVJHmYFhfUxryPrJ9CoNYI2mtrnsMzRW41CUrmwAdv9anNg62w"
    "LSHJFFdGAZfo8SVRYE7ZToCYFNafOYlDbgaNMG9pTC4v4IK4X1sP2LeNjauuHHzPWKU1ep"
    "QrGNLvprHK7Z15WnuuvA5jzlEa7uQ2fzUMIksNZ9VYhEYDLMbgmPgCZ4qVniGroUEQ9jJ3"
    "a5ECuyphz8zAW5hewsnnHjDpPGEq/iRX2AZC74wc9oRf3s/h+BLuFwd7L0uAimY3Ar103M"
    "FVONwKgLwHQeSV2TIBdPgVUYAK1v4Gk68l+Pw5Q3MHlhbriCkUuqDSxJ1hok0C+lC4Tj+J"
    "fgJk/R3hAX88bR4DVdtzsujrAAJ3BM8yoJjVwP+/H4Sfx6NCyGS4ALuXFtN5l0zGiWgrON"
    "HosamIzLNIC7On+fdfVXN8SaQXyCTowDDwPXd4VdDEHRxx4jK2LzknaKB1/5pHY5eTaVLL"
    "j3HCZPcBwn6KxwAq3UE6bPySoKJb5l/AjMrBMwHWwBsRlJvqBRspk1rg1ROG9n5Gbrpn7o"
    "buqKISzg1G/pm1Qg68eJ4GHgD9uvNzuyFlgXyI7P6rarPM+hCNUMxS9WGe8zb15rqikQHl"
    "Md+v989er16+9evXj99vtv33z33bffv0hMN+Vb22w4Zxd/AzNOjh0V8c9QJNQUkmo637M0"
    "R+jE/rpJBEx9/EtxkqdyWrs5nqfb3xR/cVTzOy8Xt+NAmdZyoRsX8geR6r3mYT/Uci979I"
    "385fPPp1pcbeORak5bxTNho22o9zJGDl2FUcAmS3WoEJ0j8sq97JELp79cX346vb74UGZE"
    "/lbRMVgdZfUJ0TNnwi4s6d9zVYFIQfRvY5bK0lhHy97tVUbx0FaxmSGzuuuhKTWz/L1ngW"
    "znKZ6hsI5hxU97TtPXAtQS3dHIVv1C27aCeY7o6GJHdlDE3LonHJmh2ron/BW53sQ9wboz"
    "7qFWT4xWGeHW5WQ+ZLo6SGQfrCdTmFqtC8qUVCwVypUzQ/nDj1fMrwt4bF3AZ2jbVh3ieb"
    "+V+94gwnI6x4TTLr054mlV4c+RmXH1Hh2ZClUPu3R8Qj0PlXfg5QDpJSF53lhrfXLuFGPw"
    "bkDdLlHcCTHHIaT0i+0bZVeO/rqOqwhpXWbi+oGGLYn+EXFWxDFR+wO4VtxuSLWbQVYvyq"
    "aYXu8k9giZrBiHuiTGL+SGe5BmM4CMf9qvQUZLXb4EWpuUf/B4td+rZzHX5C8MyYaFmKFQ"
    "vR0kvzRaQJ39r9ZLA/C54YnmLWCYItA1eQeZP1NdaUUiOLFA/aCJdjLJ+oyg+7t2GpGcru"
    "RChGagkEQRHTXUDFVzbnkLxZpwvJCFUgno4ftCH74UBGagzGezhM5m1PPx3fQ/Fc4nxtUE"
    "3U50I2KCxsaQg1KhD9WisHYxJqaEhSNTsLb6s2iMwGUFu8cpNQZS9YWMR4O+IpyZcdxwfV"
    "NvWO8yE2YNriXmNwlVC/A9wSnhMLVOJlHgq2miZoZMc2+ae+CQtF4IfBFIcano0NsonriG"
    "L9pFKXE2Mu48mOPSsGYNQ0hWCqQbNdXBJwVadFSK7yWPueHZNWDeiKp5qP6BjJbzgC5xgF"
    "nHI5NsE3x9sOHak+yEnKqfapZL8swwAnaV+PGhgLSsnlxFYeI89RxfCEpTYdrNZEzvYKqZ"
    "WRarkXWBMMgaK6IQPXxyS9w4Qm0UnzQL54FYS51lFmtzJTM6lwg1NIkszMrXnkIKA3x7ta"
    "fAevRSp6usK1PAgLHb51o8M6JANYSsu8B1XEs08eqCXtKUnTOPUx/H0ck/KXdS7jclZ/48"
    "1m/f2Znaf++pGWuX+NT7hvX+qGy8p/VBOyIfNFtObK/lxB5nJX8S6/jF54vri9Pr89YG8u"
    "STlw7bGsp3ayh/KIfWQE3lkoXRajKLENNIqoNm5xVS2dOA3TZHWA8ABDmcShAxcMd0poqn"
    "54v1INy1B2FRDG3uwVaktI6y3R1lC0fHdoyooj4ag/eTcKKbS2eZ1nLBOtYeOhfySt4uvC"
    "j3YDnSjSN5XWI7XpRpLRc6OpwXFcptpNNK4gEfD4YhpVbq99vN/9ouOi2DoYH/JAtBon5l"
    "kiSO42Fd1rltmajr+zi+ZbGj4toIoaMwnrNu8OdoLeyNYK9T4G0NrqhW1tmcXy1iKDKG/D"
    "bgF8gsB7pzIHV6aMOAPJXF/xHp2mMfkjL8D+TByhLaSKLheBOXncgzbj1tuVwgtXweNp8T"
    "H6z2fM6RWj4Pn8+TgFFZlwCmidW30MmARfXRerGJE2XFM7WLUbF/C3zGU7HNUalANmDou5"
    "6SXrz5vskxSTWrPyfhzYrKbHi6j4dZJThuO6NW0x8hB3ZxTs17U3cUJjLU9jsz5O+MTfow"
    "uOOaTQow6j8pQOz13nY/K1Pb/WzI+1km5KAtqwukls9D5rNNlVC/gR5m0LxNlfBX5HrFYr"
    "epEnYYWDOIKnpDWzv9ACqjlZLDmRpDS1RLhHaqbs3qIeKyC49M6ZGUbzjM6fpgQo/saq3J"
    "5lG1zfaArE2WUoY3XeU9ANw8N8qB4lvaEx+Rjsb11FDZSiHqVYHfJuHKx6SrzfFgXz1N3c"
    "lthafqbhL4HCJQ4BwRBY+dUAajH3RnR/QxqggNeCRUV9jJMUG0hzRHOjVUfa6jJHXUgwmP"
    "Juy+cdqjS0gvhAlB3ul6Sk4IGYowJQmNgCJOMmTStGhzEV7FbDXldEeP7xJzoKR1oCBhCx"
    "dkTleYAsXjSQml92SqS0M5kFBFpy3Bl48TxLB7T0RS14+qy0GST0GRJJf9vZCb5LdCHe18"
    "Q5tu4qnTTdja6P0flG1t9N5VD+1zXj9Nuuvdx7T0ZjdENEp41rudxO2PMIdA/5mu8etdRr"
    "fe5yAhsA4HOa19L/7hgVg+shxOoYsBu1qNUs+kp3ctDMUjcc91MGTUUQQfBuhPnMJkYAKI"
    "LfU3kI9szyHQde6b9Z/YepdN+4199Dc22f8aCzwxgWVG78wQK8BMDbKt+btAZ4+hlZHlqC"
    "vrFlieJR2wODMkf32DnEkf3g32PLEFvhHwwkGJpIs3WoH0CN3RDtf9rMqn2AFdfjef4hyp"
    "ZfSgGZ2z7LTZRkuER3g+6V8J2BZlC24LcK17p3VCHIIjVwMnxHofrj04SMSeN/UuEhnfnI"
    "edJGaZxo3cJAq1e3Q5FvBqwNQ3hEpCiUN9nwVEMoZFcIpq1K79oEOEKUbkwX1trNcUugyP"
    "4t57MnWZ43ucKWa7urzSl6S8D5Tl4dpDAqjGUGBHPYAGDhaBgTo/8dEiLgFzwz03Ll9UUf"
    "ToHdSESqvskOTQTZbU1bV9kpdUXEgL86iHFdOTQY0pV7HFU3MCClvFlO8z/2efHTuNhPjw"
    "tQYNOyPPXn/88hzeIOkwrhylfUO61KIpOBdks+30Ww0ly0DcitIHP+Yp1kVlCC4qTmU1lC"
    "169OoyKFaMqhKjiiunKcilFXd0OpWXL140AFu1qq/fAPfycLfOEtdPgrihzep9K8Rtbsqn"
    "wb2b0tZqa7toa63NZ5c2H5tN+EmsPtbUtk/QB5NI9YDklYMzAtjMIvVL7DBzTDTJLPLEcR"
    "5D4/ROVOarNB50b+HPAwX2QbV5fmYNSnF+pdA+i5w7VhlXmLk73qYwB55NbtOGjZTluv2Y"
    "QMWuAFXBYBMEZTLoYcVaTYUTcq0u42NAWxtxX8znoFVGhzrQ5wZAQn3f9CaxwvpMvWO1Yn"
    "3Hz9SV2ZUw5icl0k1Zd/WElYB5Q3w2w4rpmfrpUxpO35Mp1kSdEkk3MqnJDq0gbV2iXJ8J"
    "NXbCuIjmi4Zq6lrN7h1r5bNrmvejanxYq7s/Z92evNK31LmGKVGxVfqC1ninJxQFtGdAcr"
    "hbZRXCHy9/OfvpnPx8df7h4suFUcwk4gTehEtpYeur89OfynluqeOFFdN5C8ZZIgtzE5hX"
    "LJhIpp5ZIVhtATpPZqFuAnVSILsQ0SKEzyiviVqMaQoQ3yqi40L47PLyp9xh5OyiEKby+Z"
    "dPZ+dXz14+zyNdjl5pfzQ82iPhgRwBa0/+pePKE8nUsNU5nu+hqvkq4pWidanRdgk713wS"
    "mPbNkneI5YoGnhQcxFAlWAQbSJExB2eP3yDYc0xC8fyEnIZKIFUipuAo+UIC3TGBrBko7A"
    "Zs5XsOlTXZPPp9BgrSbsQSMdpIytCTko09RwngZBUIh0lJsIi92vq0E0rEdX/PgCsKF497"
    "csHc5zqnyNQ4iiQdz5iCVY0zFGrvHN9w7QMzvYwtBVP0RFGMnmp6Jwok+NjQIHneN1LJ9t"
    "KD1vEpAU4T8fBcj4FvDRco0MOLzwVTr87xbW44+qd08ThRwwrCvpxMrPvHENw/fO+eLSu9"
    "E7Z++LNk9tvf/NuPke56a2ltBciTWmlgcNJAITa/G5tzhJbJg2Yy5HL0qrIAbNs6U6I9bp"
    "zJlYPdOVEkaqM8TAiO0FPx5dsmznPFpZHxnXtbqtuEUmYbfFMKa/9vVhprwZw7ViHc1mYM"
    "yVDsL8nWi10h3HOGLb2PtsIzS2IBLQKqTr9thRVDYovdDFlKMQqIFuskQ2ErglUIIkE3D5"
    "885RHK9kfs4RNr9bq47+VJ7WY5tM2yhRbflgUYRHpyk8y90soRp3nfZtpI2jxozvgkONuA"
    "6hwU7Gu6IfACaaxoklcY1fswShLx0PNNWCmmCadcrpmSOsdEBGBK8LUeX0ShI5bG5edOzU"
    "deNnTs/emPCkHNeLD2GH2a94u1RgdrdLBGh5YOB0+bsnRooNucpQPRsvWcs/RxuZAfmQi5"
    "E9JqmlxcXyix92PL/XsUZ60g6bCfPjWy+lDLqsrjzRiQUg95qo/Wi80w0OYibGUPidsfn7"
    "b+5YumyQS2ZhMopRMw2Xgm2+Z1fcRenvL4UN+JjcQEHdSUj6tPKFCks2mPc7JjH9kGimfO"
    "NuuhitauiEYrYslCCgepNqshS2NXQu8rwcb41i+I47UARCu3I9fzlJbrQ+F6hUGgVHvURn"
    "bbyG4b2d3IKPOF3jPXcOCTTvBVYaCpaDXeZqyR0H4Sv3aaOOxh080pMVREU+lUnZTExdfJ"
    "HWMrCZHRxlwCyUd9CtEUhrAi9KSPTjHWRJMnUSGS05VciDDuL2AOU69C1LW1fEduA8rdsQ"
    "7MnokoIK4390I5Juzrygs2Y7KG5Kzhe8IZhraYKPATMsUGTE4Eh3SmMo3vdilalnRsixcS"
    "hyp5jZFIMleRRRIjUDwIDDex48krUrW0mXpz8V7bnHSyVQya0ZissTiuGjzw7oZjuAk5zS"
    "GmOp5DZEoKlFrbG0l06lTIPpsNV3eVQOtoE/qWkrnmlJGfK7Ftygwek5ZuM2llG46LEpu1"
    "Plnrk7U+tbM+bVuVLfUHlX0MWVs8MEXC02TpHBrW+1YX4Ke0q1UkIR6wumy0RUToYivpP7"
    "ohFYKqz+7V8z9Pte3cPhhW9LEI4NhdymOdyF9tlR8FUuv9OBxlR1nHpc4O0qtaJLUeIhkK"
    "6ype8vmwiuIjUxlaRfFfketNFMUFvUHTs3yBzKqKt6uKY7h60BV/yHR1mNA+qCwuTK5BaY"
    "t/ZbcLIe7OIY/4qEJPnLs/3qYhXuuWOiV5Q9Uw12WXIHVQ7Eqni16JKERne8nUJziUOocP"
    "KmhDNT/ivJ0m0w7UqCpriPvrO01KlM8kBKmASmmD3udTDdFCoiEiBWh5hdp8yTwQayh4pU"
    "bH5JQ44OQrVTvgqrzhc+8e6KIVPvaWzT0OcQRsrRWzFLMm0c0JQebobKSKPT4UtVJjwppt"
    "2FT9oGQqo9t/MSecvkvgSHToauriH3d8w4XOPSqw8TeYG1XdAOUyNxW1IMZBcHYC+mDQxu"
    "kSuMWMTeooGuu0JTFzgzhqco2RL8TTtcOQRzccVNUzFsIJxZTvelC/nE19nygFt+qUkb/Q"
    "HLX69zsq07XTzg0TUdln6i70E+1hdeJD0IlXTO2WutlHF4QY2kd2DypZa4nYbxyMg1+6Np"
    "M7QzJgBeyQ5jRdeZNaNdIWoPNkxwd2/8UFEZwWEMftj3B3fvnq+yYmg1ff19sM4F7BcCmi"
    "wOlsuEmp9xhP9Ov52d8vL39sKXuMFmINZ4OZF2Def9TXk25RRf3bbjKSZ2ORJCU5wsm+k2"
    "1bnch8QVuZhzMk1j78qMAKWhfJ1Sxscd+7zNX5h/OLf7QPWoRtZkaDYWwrB5IV6VCSh6Eq"
    "qQWYSfsnhPLFcOCzudeO06AOnraTmrLU9fJLnur4zkK7rGna3eZe2cERGmGPaX0VdN5t2F"
    "0gPUJGH6i1vYmPRdYA1PrDWaC1X9Ahr3BjDu3E6SKt5fTQOF1y9XgaZ4RTFnjOYlThhmDu"
    "jLc5INC0zUOeB/WMfURVzSp7Xe3Bq9JCV3HqMhP9cRbSXX7cejmB1VtEO9gwHmu/GJz8sA"
    "9r0aqdlWh1pOi+bJrCaFsGo1LFAYH+NW2UuhkSq9RtqdR90o/Zn/8Pjkr+xw=="
)
