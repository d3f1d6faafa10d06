from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        CREATE TABLE "customer" (
    "id" UUID NOT NULL PRIMARY KEY,
    "external_id" VARCHAR(255) NOT NULL UNIQUE,
    "email" VARCHAR(320),
    "created_at" TIMESTAMPTZ NOT NULL,
    "updated_at" TIMESTAMPTZ NOT NULL
);
COMMENT ON TABLE "customer" IS 'The person who pays, known by the shop''s id; `external_id` is the `sub` of a buyer''s token.';
CREATE TABLE "orders" (
    "id" UUID NOT NULL PRIMARY KEY,
    "external_id" VARCHAR(255) NOT NULL UNIQUE,
    "description" VARCHAR(1000),
    "total_minor" BIGINT NOT NULL,
    "currency" VARCHAR(3) NOT NULL,
    "paid_minor" BIGINT NOT NULL,
    "refunded_minor" BIGINT NOT NULL,
    "payment_status" VARCHAR(32) NOT NULL,
    "metadata" JSONB NOT NULL,
    "version" INT NOT NULL,
    "last_sequence" INT NOT NULL,
    "last_hash" VARCHAR(64) NOT NULL,
    "created_at" TIMESTAMPTZ NOT NULL,
    "updated_at" TIMESTAMPTZ NOT NULL,
    "customer_id" UUID REFERENCES "customer" ("id") ON DELETE RESTRICT
);
CREATE INDEX "idx_orders_custome_f98ddd" ON "orders" ("customer_id", "created_at");
COMMENT ON COLUMN "orders"."payment_status" IS 'derived';
COMMENT ON TABLE "orders" IS 'What a shop wants to be paid, and how much of it has been.';
CREATE TABLE "payment" (
    "id" UUID NOT NULL PRIMARY KEY,
    "livemode" BOOL NOT NULL,
    "status" VARCHAR(32) NOT NULL,
    "capture_method" VARCHAR(16) NOT NULL,
    "setup_future_usage" VARCHAR(16),
    "currency" VARCHAR(3) NOT NULL,
    "amount_minor" BIGINT NOT NULL,
    "capturable_minor" BIGINT NOT NULL,
    "captured_minor" BIGINT NOT NULL,
    "refunded_minor" BIGINT NOT NULL,
    "refund_pending_minor" BIGINT NOT NULL,
    "disputed_minor" BIGINT NOT NULL,
    "stripe_payment_intent_id" VARCHAR(255),
    "stripe_charge_id" VARCHAR(255),
    "method" JSONB,
    "next_action" JSONB,
    "last_error" JSONB,
    "metadata" JSONB NOT NULL,
    "version" INT NOT NULL,
    "last_synced_at" TIMESTAMPTZ,
    "created_at" TIMESTAMPTZ NOT NULL,
    "updated_at" TIMESTAMPTZ NOT NULL,
    "customer_id" UUID REFERENCES "customer" ("id") ON DELETE RESTRICT,
    "order_id" UUID NOT NULL REFERENCES "orders" ("id") ON DELETE RESTRICT,
    "supersedes_id" UUID REFERENCES "payment" ("id") ON DELETE RESTRICT
);
CREATE INDEX "idx_payment_created_0acf6e" ON "payment" ("created_at", "id");
CREATE INDEX "idx_payment_updated_0f30a6" ON "payment" ("updated_at", "id");
CREATE INDEX "idx_payment_amount__ab7ed8" ON "payment" ("amount_minor", "id");
CREATE INDEX "idx_payment_status_175834" ON "payment" ("status", "created_at", "id");
CREATE INDEX "idx_payment_custome_73bcca" ON "payment" ("customer_id", "created_at", "id");
CREATE INDEX "idx_payment_order_i_2ca386" ON "payment" ("order_id", "created_at");
COMMENT ON COLUMN "payment"."status" IS 'Stripe''s status';
COMMENT ON COLUMN "payment"."capture_method" IS 'when money is taken';
COMMENT ON COLUMN "payment"."setup_future_usage" IS 'may the method be kept';
COMMENT ON TABLE "payment" IS 'Money asked for, held, taken and given back, in minor units of one currency.';
CREATE TABLE "refund" (
    "id" UUID NOT NULL PRIMARY KEY,
    "livemode" BOOL NOT NULL,
    "amount_minor" BIGINT NOT NULL,
    "currency" VARCHAR(3) NOT NULL,
    "status" VARCHAR(32) NOT NULL,
    "reason" VARCHAR(32) NOT NULL,
    "note" VARCHAR(1000),
    "failure_reason" VARCHAR(255),
    "requested_by" JSONB NOT NULL,
    "stripe_refund_id" VARCHAR(255),
    "metadata" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ NOT NULL,
    "updated_at" TIMESTAMPTZ NOT NULL,
    "payment_id" UUID NOT NULL REFERENCES "payment" ("id") ON DELETE RESTRICT
);
CREATE INDEX "idx_refund_payment_d32c99" ON "refund" ("payment_id", "created_at");
CREATE INDEX "idx_refund_created_f014fa" ON "refund" ("created_at", "id");
COMMENT ON COLUMN "refund"."status" IS 'Stripe''s status';
COMMENT ON COLUMN "refund"."reason" IS 'why';
COMMENT ON TABLE "refund" IS 'Money on its way back. `stripe_refund_id` is null until Stripe has answered, or while nobody knows.';
CREATE TABLE "operation" (
    "id" UUID NOT NULL PRIMARY KEY,
    "principal" VARCHAR(300) NOT NULL,
    "kind" VARCHAR(40) NOT NULL,
    "key" VARCHAR(255) NOT NULL,
    "fingerprint" VARCHAR(64) NOT NULL,
    "leaves" JSONB NOT NULL,
    "actor" JSONB NOT NULL,
    "request_id" VARCHAR(64) NOT NULL,
    "state" VARCHAR(16) NOT NULL,
    "effect" VARCHAR(16) NOT NULL,
    "step" VARCHAR(16) NOT NULL,
    "generation" INT NOT NULL,
    "params" JSONB NOT NULL,
    "first_sent_at" TIMESTAMPTZ,
    "last_problem" VARCHAR(64),
    "due" TIMESTAMPTZ,
    "attempt" INT NOT NULL,
    "order_id" UUID,
    "payment_id" UUID,
    "refund_id" UUID,
    "error" JSONB,
    "created_at" TIMESTAMPTZ NOT NULL,
    "updated_at" TIMESTAMPTZ NOT NULL,
    "finished_at" TIMESTAMPTZ,
    "expires_at" TIMESTAMPTZ NOT NULL,
    CONSTRAINT "uid_operation_princip_845e54" UNIQUE ("principal", "kind", "key")
);
CREATE INDEX "idx_operation_payment_a59190" ON "operation" ("payment_id");
CREATE INDEX "idx_operation_refund__175d84" ON "operation" ("refund_id");
COMMENT ON COLUMN "operation"."kind" IS 'the mutation';
COMMENT ON COLUMN "operation"."state" IS 'how far';
COMMENT ON COLUMN "operation"."effect" IS 'what is known at Stripe';
COMMENT ON TABLE "operation" IS 'One caller''s key for one mutation, the work it stands for, and its outcome.';
CREATE TABLE "payment_event" (
    "id" UUID NOT NULL PRIMARY KEY,
    "payment_id" UUID,
    "refund_id" UUID,
    "sequence" INT NOT NULL,
    "type" VARCHAR(64) NOT NULL,
    "actor" JSONB NOT NULL,
    "from_status" VARCHAR(32),
    "to_status" VARCHAR(32),
    "amount_minor" BIGINT,
    "currency" VARCHAR(3) NOT NULL,
    "before" JSONB NOT NULL,
    "after" JSONB NOT NULL,
    "operation_id" UUID,
    "stripe_event_id" VARCHAR(255),
    "stripe_request_id" VARCHAR(255),
    "occurred_at" TIMESTAMPTZ NOT NULL,
    "recorded_at" TIMESTAMPTZ NOT NULL,
    "previous_hash" VARCHAR(64) NOT NULL,
    "hash" VARCHAR(64) NOT NULL,
    "order_id" UUID NOT NULL REFERENCES "orders" ("id") ON DELETE RESTRICT,
    CONSTRAINT "uid_payment_eve_order_i_9e1d75" UNIQUE ("order_id", "sequence")
);
CREATE INDEX "idx_payment_eve_payment_a6382d" ON "payment_event" ("payment_id", "sequence");
COMMENT ON COLUMN "payment_event"."from_status" IS 'before';
COMMENT ON COLUMN "payment_event"."to_status" IS 'after';
COMMENT ON TABLE "payment_event" IS 'Who changed what, why, from what to what. `sequence` has no gap within an order; `hash` covers `previous_hash`.';
CREATE TABLE "webhook_event" (
    "id" UUID NOT NULL PRIMARY KEY,
    "stripe_event_id" VARCHAR(255) NOT NULL,
    "livemode" BOOL NOT NULL,
    "account" VARCHAR(255),
    "api_version" VARCHAR(64),
    "type" VARCHAR(128) NOT NULL,
    "subject" VARCHAR(255) NOT NULL,
    "payload" JSONB NOT NULL,
    "state" VARCHAR(16) NOT NULL,
    "attempt" INT NOT NULL,
    "due" TIMESTAMPTZ,
    "last_error" VARCHAR(255),
    "stripe_created_at" TIMESTAMPTZ NOT NULL,
    "received_at" TIMESTAMPTZ NOT NULL,
    "processed_at" TIMESTAMPTZ,
    CONSTRAINT "uid_webhook_eve_stripe__e8cc54" UNIQUE ("stripe_event_id", "livemode")
);
CREATE INDEX "idx_webhook_eve_state_a1cbbc" ON "webhook_event" ("state", "received_at", "id");
CREATE INDEX "idx_webhook_eve_subject_88f80f" ON "webhook_event" ("subject", "stripe_created_at");
COMMENT ON COLUMN "webhook_event"."state" IS 'how far';
COMMENT ON TABLE "webhook_event" IS 'An event of Stripe''s, without its secrets, and how far we are with it.';
CREATE TABLE "aerich" (
    "id" SERIAL NOT NULL PRIMARY KEY,
    "version" VARCHAR(255) NOT NULL,
    "app" VARCHAR(100) NOT NULL,
    "content" JSONB NOT NULL
);

        -- What follows is written by hand: aerich cannot express it. tests/database/test_migrations.py names each of these.

        -- Money: every sum that must hold, held by the database whatever the code does.
        ALTER TABLE "orders"
            ADD CONSTRAINT "orders_total_positive" CHECK ("total_minor" > 0),
            ADD CONSTRAINT "orders_sums" CHECK ("paid_minor" >= 0 AND "refunded_minor" >= 0 AND "refunded_minor" <= "paid_minor"),
            ADD CONSTRAINT "orders_currency" CHECK ("currency" ~ '^[A-Z]{3}$'),
            ADD CONSTRAINT "orders_chain_head" CHECK ("last_sequence" >= 0 AND length("last_hash") IN (0, 64));
        ALTER TABLE "payment"
            ADD CONSTRAINT "payment_amount_positive" CHECK ("amount_minor" > 0 AND "amount_minor" <= 9007199254740991),
            ADD CONSTRAINT "payment_capture_within_amount"
                CHECK ("captured_minor" >= 0 AND "capturable_minor" >= 0 AND "captured_minor" + "capturable_minor" <= "amount_minor"),
            ADD CONSTRAINT "payment_refund_within_capture"
                CHECK ("refunded_minor" >= 0 AND "refund_pending_minor" >= 0
                       AND "refunded_minor" + "refund_pending_minor" <= "captured_minor"),
            ADD CONSTRAINT "payment_disputed_not_negative" CHECK ("disputed_minor" >= 0),
            ADD CONSTRAINT "payment_currency" CHECK ("currency" ~ '^[A-Z]{3}$'),
            ADD CONSTRAINT "payment_money_needs_intent"
                CHECK ("stripe_payment_intent_id" IS NOT NULL OR ("captured_minor" = 0 AND "capturable_minor" = 0));
        ALTER TABLE "refund"
            ADD CONSTRAINT "refund_amount_positive" CHECK ("amount_minor" > 0),
            ADD CONSTRAINT "refund_currency" CHECK ("currency" ~ '^[A-Z]{3}$'),
            ADD CONSTRAINT "refund_success_needs_stripe" CHECK ("status" <> 'SUCCEEDED' OR "stripe_refund_id" IS NOT NULL);
        ALTER TABLE "operation"
            ADD CONSTRAINT "operation_open_is_due" CHECK (("state" IN ('IN_PROGRESS', 'UNRESOLVED')) = ("due" IS NOT NULL)),
            ADD CONSTRAINT "operation_counts" CHECK ("attempt" >= 1 AND "generation" >= 1),
            ADD CONSTRAINT "operation_payment" FOREIGN KEY ("payment_id") REFERENCES "payment" ("id") ON DELETE RESTRICT,
            ADD CONSTRAINT "operation_refund" FOREIGN KEY ("refund_id") REFERENCES "refund" ("id") ON DELETE RESTRICT,
            ADD CONSTRAINT "operation_order" FOREIGN KEY ("order_id") REFERENCES "orders" ("id") ON DELETE RESTRICT;
        ALTER TABLE "webhook_event"
            ADD CONSTRAINT "webhook_event_open_is_due"
                CHECK (("state" IN ('RECEIVED', 'PROCESSING', 'FAILED')) = ("due" IS NOT NULL));
        ALTER TABLE "payment_event"
            ADD CONSTRAINT "payment_event_sequence_positive" CHECK ("sequence" >= 1),
            ADD CONSTRAINT "payment_event_hash" CHECK (length("hash") = 64 AND length("previous_hash") IN (0, 64));

        -- One of each: a live payment for an order, an act at a time on a payment, a Stripe id for a row (in each mode).
        CREATE UNIQUE INDEX "payment_one_live_for_order" ON "payment" ("order_id")
            WHERE "status" NOT IN ('SUCCEEDED', 'CANCELED');
        CREATE UNIQUE INDEX "operation_one_open_for_payment" ON "operation" ("payment_id")
            WHERE "state" IN ('IN_PROGRESS', 'UNRESOLVED') AND "refund_id" IS NULL;
        CREATE UNIQUE INDEX "payment_stripe_intent" ON "payment" ("stripe_payment_intent_id", "livemode")
            WHERE "stripe_payment_intent_id" IS NOT NULL;
        CREATE UNIQUE INDEX "refund_stripe_refund" ON "refund" ("stripe_refund_id", "livemode")
            WHERE "stripe_refund_id" IS NOT NULL;

        -- Queues: a table is its own queue; only what is due is in the index, however many rows are settled.
        CREATE INDEX "operation_due" ON "operation" ("due") WHERE "due" IS NOT NULL;
        CREATE INDEX "webhook_event_due" ON "webhook_event" ("due") WHERE "due" IS NOT NULL;
        CREATE INDEX "webhook_event_busy" ON "webhook_event" ("subject") WHERE "state" = 'PROCESSING';

        -- The audit trail is append-only.
        CREATE FUNCTION "refuse_change_of_the_trail"() RETURNS trigger LANGUAGE plpgsql AS $body$
        BEGIN
            RAISE EXCEPTION 'payment_event is append-only: % is refused', TG_OP USING ERRCODE = 'insufficient_privilege';
        END;
        $body$;
        CREATE TRIGGER "payment_event_append_only" BEFORE UPDATE OR DELETE ON "payment_event"
            FOR EACH ROW EXECUTE FUNCTION "refuse_change_of_the_trail"();
        CREATE TRIGGER "payment_event_no_truncate" BEFORE TRUNCATE ON "payment_event"
            FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change_of_the_trail"();
        """


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        """


MODELS_STATE = (
    "eJztXW1z2zYS/isYfbl0RudxbMfJpTc347huq2tjZxynuWndoSASsnCiAJYALWty+e+HBS"
    "nxXSZpSqIVfIkjEguCzwLgYp/F4ktvxh3iioPzQEg+I37vLfrSY3hG1H9y9/qohz0vvgMX"
    "JB65urCdLDUS0se2VNfH2BVEXXKIsH3qScoZlL6ZEOQRX3CG5hOOPLwQfTRlfM7QaIGkui"
    "sm3PubQNT5Hg3JgyQ+w65FnSGiQt8fimA0RHyMMBoFC+KrspJPCTuABjjcVi2g7G4LzwoY"
    "/SsgluR3RJUFBP/4U12mzCEPRCx/elNrTInrpACmDlSgr1ty4elrnz4NfvhRl4T3GFk2d4"
    "MZi0t7CznhbFU8CKhzADJw744w4mNJnATwLHDdSEfLS2GL1QXpB2TVVCe+4JAxDlxQX++f"
    "44DZoDXk8Bmm7IA64oCRuYLnX1ELE6Ut6/Lqxvp4cWNZvZzSoSUZ3USXbM6gw1AmAa8vX8"
    "N6Y1z01R484Pzns+sXx6ffaSS4kHe+vqlR633VgljiUFRjH4OdUGwe9fMJ9otRz4hl4FfN"
    "3gzwS7A2AG9vhh8sl7A7OVE/j169WoP3b2fXGnJVSmPO1bAOx/tldOsovAfYJ7BWXcWthf"
    "JSoBG+EXoreJdFYnzjaWjrAB8fHVYAWJUqBVjfSwNs+wTgsLDMo/yDuiPpjBQjnZbMwO1E"
    "ogfL/zTp3LtGX72gc8XcRdQx1oB/M3h/8fHm7P0HeNxMiL9cjd/ZzQXcOdJXF5mrL04zel"
    "pVgj4Pbn5G8BP9fnV5kZ2iVuVufu9Bm3AguaW+QhZ2EjPA8uoStZTWA89pqPW0pNF6V7S+"
    "xCihdt16MBnG08R3DC6MsD2dY9+xUnfi7sF9R5k5+a7xLpL78Zdr4mKNbL4TRMbeFdTx/K"
    "bcr8sOv7wad4MYH2X5zQgIPAmhD2Ete4QR9C1+xMt6W/7W7GiWvYIZvtOvBM+GJ6X6U8Gq"
    "YtXRypcUcX9+fEHxeYKlMs/BkkdzrN5YWehopAx/TJ0+wsxBEz5Hs8CegB1PJZpgoe4XrR"
    "eaV3XLbtkQilkzyrg/7KOhT5QB7ZDlFS0+jDqiJSSWgVAXfbUGCWYC8Xvi6xWHfnW1zFh2"
    "2T6a+1RKwhBl4ZJFoXnLFChM4NA+x+FaJZJQ/1dvYU8wU2qBG7MDNHSxUA8lqjcym0Rt0d"
    "fUG0zCZkAVEzWVhq8mEA4cquuhVVc7X3px11itCiPrOWF8gBR58NQ0KVTrVx0p6iVRD14O"
    "vZ4urN5W//hqFlRmQfVtLaiSLauBdUZs/xZXLw8Pq6yuoFgp3OHNNN6SS9VD9ZxdYC3Quw"
    "GTxYhnBDOI00p2Q+ds6ztoxN//cXR0fPz66PD49M2rk9evX705fKPK6hbnb71eo5V3g58G"
    "lzdpdcCFzBI38H31nVrU6e9JmXYmll1Dn3YlVHEklLsRsp08tlTq9fG03Pa6+OFe9e+0ZV"
    "hPA3lZo4VmWkib4sVzzQULZloPA9VgrEznghGRrWV7s0/v0+WHs9BcraEW9dOn98TJrn6q"
    "eTQrOTTX+DOzM9GMSAx2Zh7/f3+8uiweA0mZrEOL2hL9D7lUbGwUJOz4UUBdSZk4gMfuwo"
    "YHjFK+rCXUL96f/SerhfNfr95ljX2o4F1GJWolKgqtzdJJKSGxvdno5WZno6OXJ69P3hyf"
    "nqwmodWVdXNPfp5JLb1rgJqT25uJvl1owYNRx1JMCW1xst7U9JCeoU9PKszQpyelMzTcMo"
    "TTflMPhnD6FrVeRjilV94pp21Vd2pG7Al+1Y65nJq7T3M0Xh7kPMI/cp/QO/YLWeQWHcWM"
    "VDJA61kim6Ok1GUfz1cO/mzXUhCoFydSg3Ctuvv14PwmpAUe40i3zQF2bdqqRJSS+9Ygur"
    "jfM5w2SZYuu1UBXZroceWEqZco9Chj+p4zskBYTImDxtzvo4lqYx9JPCVMU4N3VOkOwZv1"
    "gXXUriak9CMFkINKGi3drXkOtc3KgVWFGM7QuaKlgaXUnnahScuP6rke+ZvoIzVHAN85Wq"
    "ChIP49tYk4ADkyVHW6i4MlIWt5hDmqrUtalqrHBj7ic/YWKr9lIphBQ8LSImRT4VFqflf1"
    "qkdAMxiXaEEkcohNHeKo2mdEjQUHiF9GHqQVUrNJppX4vqaBgfFl2BMTLsPab9mEu1Alsl"
    "U/Uj1jNiJ+9BQkiLKiZSMCNmV9q+nzKbwrzBGJutM2Xrt14xkPmIz9m+3WHvvpNolPOfnd"
    "+qN0vIAh2fePZHfVPAkzfcHHmHOXYFbi3kiIZbAfKbnn+0Eu9PRfXf2aWlq9G2T8/pef3r"
    "+7uH7xUmtAFaKyhA54Gg2wE/f/4HJwM1CrxtoMwPKrieJm754JsLEnA59Y4Ye0qSLytWxR"
    "IWefbq7en90MzusqZD5RJtFMW06w8QRspSZKeXlaJSIi619IxEOcZpUiiAw8axxoTAOhjN"
    "fGI6Swpg7HpShowz1CYVeCOMAp8WQ39GJCJDYdIpE1Q6tT9FlJEwnUPBJIz+YASRNFFEnv"
    "DYm2E000i1nJyxotmMih566FtCOpiS7yNRiNNNOIQ4UXyGbjIi9rtNBMC0IvK61lSJxqjP"
    "5Ta4/Aujo6vFjo0o6BCEJbYXxHmsGfkjWwV4K9zG+xNo6x2EdRL4qxY1BvO1wxQbfUAT8j"
    "ZjTQXAMxvVVHAWkpg39z/E0MdedUYmKoe+3HUC+Y3SgiMS/dQlTi85lzOh6EmI89NRHH5Q"
    "Precaemojjb1HrJuJ4u7EkmXxANSFNyrQZtLMXgIoA8kgS1YaaqOYETVddGxzPl8mBnhgZ"
    "XzWbVUe766Nx8cnRWhIUXzTNtoCs2XOQhzce5S0AvHdpxrL45ubEJ+zqWNXlWKOCaJhvO7"
    "1bnrR84taOa13JHk2rG93UEaFVsKcjxrF8S4cfl6m4o4Mznbhtjhd6e8UBGkZ0TkQ3R3mt"
    "oZUoYJK60fYJncYOMzEnPnH6iPtoPqEuQYyPuLPQCbNF2UaPjT+z5q6HFXHYZkB8Nrq/zX"
    "B+E2xvgu27N1FuONjeBFd2IFzDxBBvOobY7CnZ8Z4S9aEWZXkzH1dALN3lrt6bTxbdQJtx"
    "WbI9pCQEIyq/fwFGm0pOOsbUhf0z6/p1MdZ5yf1DfSNhXT5k4BKyxL9QHmCRlTNBFinbsY"
    "0gi+xKs854KJI1I6JqoKMJN+rWSDARE+UD4nly5yZi4lvUepWIibSHs6p/MC1l+P31LHQi"
    "ndLWyLyOAvsom5fuWbWpvE0SMFceAB6+d/4YotXN/tqjiFLFHmViriB/FXZdfYbPlCwgB5"
    "ZOajULpK6mr3MKzLk/hQOEoPs4IkyUBRmfdBasQNpcTb85xqXFuvV5RU5ANDmjs08IdVlT"
    "LzrtAZ6SuK7AQy8A2bdIECld4nwXprXCUpKZJ4doDCmKxVudaCs8R4i7DvEhjRb8CjNa3T"
    "KoGQ4zIgdwEJKPZ2KoS4o+nNKq2ku88A3Ig8IY6SKqJ/lREq6IOJpjoeki6rqQk0GovtdX"
    "rY8SdSGfSH8RHd96y+CwJBQtxdRToyGoM3NROGPJl9DIle+KOuqFuAQPJwCsJMbU12mYVQ"
    "fH6k0Vpr4Mj1uyXW5PER6rBgJ3ZU8ST4yaOg3zeTCOXM7u4BXxGNKXQaMhZ5hL8D0BEOCV"
    "mD6N1teHSk20aglWlVLmBRLpDt+Hmu6xG5AyZuyPnqc6i009rLmHKQ0JRNWO3p8VWbMWeb"
    "J4cWUIsudOkKX6VdVFdkqoyz7UpnRBJS/f8Ron33Hex7cctE081kvZLmPd0zl1oi9WE8f1"
    "SRXQT8oxP8lDTmqRYFHxLoPcJX/RmMK3D+aCAoN6jcc6LbaHaLefqz80KOo45mIJ45Zr3S"
    "2nrNh6e2JXAkYZrSsjWgXU5AnSUua4kEenIJ1zuan9shLeasSD9eH66qfri48fa2Leg9OA"
    "x9hvYsS0nxKQjMfELvnCPo58LL1F6C8jD2m9aAe1zFeLaogQZWjlFuiGDsCFUY+FDMvv3b"
    "zSPrSx6yYPcGm0YFrI7KvPn4EIXrg6FkosYUyU1k2UlLOxLqeXEzZJDrrD4uXJW52UwvO5"
    "AnpW55ORldu/oJX2bVInKLBI14+mSMSMoS6PoYiAqmEQJCSMNZC1BnaYNeD5DJIaSQN2HK"
    "mxl5iuCfYsh3RdlOc3j2jtxH0mZ5+J2DSxeyZi02i92E7NRWyOKaNi0kjtGVGzHOmOmvOj"
    "mzx4VFXXQM1pyT0c3c9dzblY4d0EtKaO1i2Iac0evfvogbEWua98bOznCUf2BDM4ZhVYmL"
    "76d9FHY5/P9G8IbIS/kAMEWFNmkzC0kXF0hz00p3JC4QxYpBeN36MhRDoOkc0h9y0aej65"
    "pzwQlr6cD3/dwfMLQyyTS97lg3LhldlMJOmCJp5x5/GMZm1u1uadR3Q1a+QALfVwJkX2KT"
    "lKa15OjUYOz3LCZVneBCBWYFpMxFuHfExgGVlPy0GTqaLDZGNvRMbcbxQH1H4mFLV6eBru"
    "qQq6jLre/9QN0HecVKxjBojJKdaRj2zLOcXiaa7qJzaWMN/Y1r+xq/mvssGzFDDKaF0Zq7"
    "3adYMYMnJmGVqYaEn7CpvlWUqKdtic6dK2uVWGqibbVgqFDfCVgOe2tkia0HUZUUPkdI7I"
    "SfsrbfDlN1F0RtQoutOKTjE7dabRnOAerk/adwLWRdmAWwNcc7SXOYCqC2m/KhxAtZsYic"
    "9kNOF8WhojkbrfXxcjMQ9L1omROGNIl05mlerryAMeSJ2BSxDbJ1KEKbmiDcRoThD2iS6n"
    "CuVDH9qpNk76lU7fBWWwQJSh4Sop2hCiKILRf4ktoxxhWIZtELr8lHgSJHQ3QKPF2ziJVk"
    "SSq7tS/bllNDzfBdK+cF2hKgN7d6kTZh6DyAoS5sliazJbFawkV8dvrE1utdpUrow2oiRa"
    "Orglk+wqAgsKRS1t6fAZEy/ShXiRDrhAuval2MJS3BzLs91jeWwbiLA6nTshYtxLlfo09q"
    "gFAYeFmQzWAJ0W2z+w218qmUifOB/H0ZsqCTmO3pRn5IB72UORVyZP5W9hLLKHKG9kvlDm"
    "tMtxgcWxLknHSmT7LONuvoIbOmDkmeWyur44vxj8Vv/wrk4lsnomu/oPNzWltBzvapJf7C"
    "epoRPBlGzefiR9TNkO7j2wIjdJxTffs11YgSENOz2+Mt7CmuxwUnQPFf1Md2tX2aPv+dwm"
    "QjRSfFbWfEG7NsI7spH3jPjUnvQK6KnoTn8dMYXjMo8xUuWKLSBZMixKLeah1Dgv9HgX2O"
    "VRR38a47D5gPon2uXlDEMDn+BT/YGd+6psw/taK0FvVHwP0X1Z9YTidQcUZ9FVT5SF56aV"
    "+6oSIsZXVdNXtdOP2df/Aza9nhM="
)
