from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        CREATE TABLE "event_reading" (
    "id" UUID NOT NULL PRIMARY KEY,
    "source" VARCHAR(16) NOT NULL,
    "livemode" BOOL NOT NULL,
    "read_through" TIMESTAMPTZ NOT NULL,
    "cursor" VARCHAR(255),
    "started_at" TIMESTAMPTZ,
    "finished_at" TIMESTAMPTZ,
    "due" TIMESTAMPTZ NOT NULL,
    "attempt" INT NOT NULL,
    "created_at" TIMESTAMPTZ NOT NULL,
    CONSTRAINT "uid_event_readi_source_fcf2db" UNIQUE ("source", "livemode")
);
COMMENT ON COLUMN "event_reading"."source" IS 'the way of reading';
COMMENT ON TABLE "event_reading" IS 'How far Stripe''s own list of events has been read: one row for each way of reading it, over all replicas.';
        ALTER TABLE "webhook_event" ADD "tries" INT NOT NULL DEFAULT 0;
        ALTER TABLE "webhook_event" ADD "delivered_at" TIMESTAMPTZ;
        CREATE INDEX "idx_webhook_eve_receive_1f8b09" ON "webhook_event" ("received_at", "id");

        -- What follows is written by hand: aerich cannot express it.

        ALTER TABLE "webhook_event" ALTER COLUMN "tries" DROP DEFAULT;
        ALTER TABLE "webhook_event" ADD CONSTRAINT "webhook_event_counts" CHECK ("tries" >= 0 AND "tries" <= "attempt");
        ALTER TABLE "event_reading"
            ADD CONSTRAINT "event_reading_counts" CHECK ("attempt" >= 1),
            ADD CONSTRAINT "event_reading_cursor_of_one_under_way" CHECK ("cursor" IS NULL OR "started_at" IS NOT NULL);

        -- Until now nothing told a polled event from a delivered one: they count as delivered.
        UPDATE "webhook_event" SET "delivered_at" = "received_at";
        -- The events whose webhook never came: few, unless webhooks are broken.
        CREATE INDEX "webhook_event_undelivered" ON "webhook_event" ("received_at") WHERE "delivered_at" IS NULL;
        """


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        DROP INDEX "idx_webhook_eve_receive_1f8b09";
        ALTER TABLE "webhook_event" DROP COLUMN "tries";
        ALTER TABLE "webhook_event" DROP COLUMN "delivered_at";
        DROP TABLE IF EXISTS "event_reading";"""


MODELS_STATE = (
    "eJztXW1z2ziS/isofdmkSudynEySy1xdlZPx7HhnY6ccZ3O14y0JIiEJZwrgkqAV1Vz++3"
    "WDpPgukTQlUwq+xBGJBsGnARDop7vx52Ahbeb4Jx8CX8kF8wbvyJ8DQRcM/lO4NyQD6rrJ"
    "Hbyg6MTRha10qYmvPGopuD6ljs/gks18y+Ou4lJg6ds5Iy7zfCnIci6JS1f+kNwLuRRksi"
    "IK7vpz6f7FJ9z+mYzZN8U8QZ0Rt8eE+/r+2A8mYyKnhJJJsGIelFXynokTbIAtLWgBF7M9"
    "PCsQ/N8BGyk5Y1AWEfzjX3CZC5t9Y378070fTTlz7AzA3MYK9PWRWrn62pcvl7/8qkvie0"
    "xGlnSChUhKuys1l2JdPAi4fYIyeG/GBPOoYnYKeBE4TqSj+FLYYrigvICtm2onF2w2pYGD"
    "6hv81zQQFmqN2HJBuTjhtn8i2BLg+e+ohanSo9HV9e3o88XtaDQoKB1bktNNdMmSAjsMFw"
    "rx+vN7WG+Ci746wAd8+O385tnL1881EtJXM0/f1KgNvmtBqmgoqrFPwE4ptoj6hzn1ylHP"
    "ieXgh2bvBvgYrB3AO1jQbyOHiZmaw8+zn37agPc/zm805FBKYy5hWIfj/Sq6dRbeQ+xTWE"
    "NXcRqhHAu0wjdCbw1vXCTBN5mG9g7wy7PTGgBDqUqA9b0swJbHEI4RVUWUf4E7ii9YOdJZ"
    "yRzcdiR6Ev+nTed+avThBe1r4ayijrEB/NvLjxefb88/fsLHLXz/347G7/z2Au+c6aur3N"
    "Vnr3N6WldCvl7e/kbwJ/nn9dVFfopal7v95wDbRAMlR/AVGlE7NQPEV2PUMloPXLul1rOS"
    "Rut90XqMUUrtuvW4ZJjep75jeGFCrfsl9exR5k7SPaRnwzKn2DXeR3K//n7DHKqRLXaCaL"
    "F3jXUc3pT7Pe7w8dWkGyT4wMpvwVDgUQh9Cms5Ioywb8kzWdXbircWZ4v8FSroTL8SPhuf"
    "lOlPJbuKdUer3lIk/Xn7huLrnCpYnuNKniwpvDGs0MkEFv6U20NChU3mckkWgTXHdTxXZE"
    "59uF+2X2hf1Z24E2MsNlpwIb3xkIw9Bgtom8VXtPg46ogjX1EV+HDRgz1IsPCJfGCe3nHo"
    "V4dtRtxlh2TpcaWYIFyEWxZA804AKMKn4fqchnuVSAL+D29hzakAteCNxQkZO9SHhzLojc"
    "JiUVv0NXiDedgMrGIOU2n4aj6hgc11PbzubufPQdI11rvCaPWcWnygFPvmwjTpQ+vXHSnq"
    "JVEPjofeQBeGt9U/vpsNldlQ/VgbqnTLGmCdEzu+zdWL09M6uyssVgl3eDOLt5IKeqies0"
    "tWC3x2KVQ54jnBHOK81rqhd2vrGTbiP/7z7Ozlyzdnpy9fv/3p1Zs3P709fQtldYuLt95s"
    "0Mr7y79eXt1m1YEXclvcwPPgO7Vq0t/TMt1MLE8NfdaUUMeQUG1GyHfyZKXSrI9n5fbXxU"
    "+Pqn9nV4bNNFCUNVpop4XsUrx8rrkQwULr4RIaTGHpXDIi8rXsb/YZfLn6dB4uVxuoBX56"
    "/IHZ+d1PPYtmLYPmBntmfiZaMEVxnVnE/2+fr6/Kx0BaJm/Q4pYi/0cc7u9sFKTW8ZOAO4"
    "oL/wQf+xRreMQoY8uKoX728fx/8lr48Pfr9/nFPlbwPqcS2In6pavNykkpJbG/2ejFbmej"
    "sxev3rx6+/L1q/UktL6yae4pzjOZrXcDUAtyRzPRdwstWjCarBQzQnucrHc1PWRn6Nevas"
    "zQr19VztB4yxBOx009GMLpR9R6FeGU3XlnjLZ1zak5sUfYVXtmcmpvPi3QeEWQiwj/Kj3G"
    "Z+J3tipsOsoZqbSD1kEiW6Ck4LJHl2sDf75rAQTw4kxpEG6gu99cfrgNaYFtHOm+OcC+TV"
    "u1iFL20BlEFw9HhtMuydK4W5XQpakeV02YuqlCWxnTj1KwFaH+PbPJVHpDMoc2Domi90xo"
    "anDGQXcE32yIrKM2NRHQj/KRHARpEptbixxql5Ujq4o+nKFxRUsjS6kt7b4mLT/Dc132F3"
    "9IYI5AvnOyImOfeQ/cYv4JyrEx1OmsTmJCduQyYUNbY1qWw2MDj8ileIeV3wk/WGBDwtJ+"
    "yKbio2B+h3rhEdgMIRVZMUVsZnGb2VC7RV0VeGw0YfDWTNe7nMOL4uuThQYFLnkweVE/bC"
    "e8MXOm8JLjBYNxZCNpLNg3NQpp3TRLyzxPU8jIFgvq+nOpopbNpYOtIRZ0QehUiwnzogYS"
    "n8ECXLXibjMLd5h5H0PZ4vSSqju7POy2brqQgVCJabTb2hMT3y7xqebNO3+UdjUw/Pzx8f"
    "MOTLH4kSj5jksJE5CosIykxHLYT0DucL/lpSTB9fXfM7uy95c5yuDqy8f3FzfPXmgNQCGu"
    "KpiExzEIT8IcXF5d3l7ChrMxeRB/cEnS7KcnEeJvb/gdbauIYi17VMj5l9vrj+e3lx+aKk"
    "QvMtbrC73MaqOUF6/rOFPkTRMpV4rXeaX4TAXuaBpoTAMf1r2tR0hpTT12aQFow/CisCuh"
    "C+E9c1U/9GK8K3btXZFfhtZn9/OSxomovRORns0RkjaKKJM+Gv7tSTTRzt2lKGu0YJyODl"
    "0LWRtUG10UazAaaacRm/tuoNqNi6Ks0UI7Lfh6WzmKvemgMfpPo/CCTXX0eLPQp2CDCEIL"
    "MJ6xdvBnZA3stWCvsltsdIEst1E0c4DsGdT79nRMsS1NwM+JGQ2010DCbjVRQFbK4N8e/y"
    "xrWdTBFge/gnQH7l6Ho5Gee3cVnfqMs33vBqBxth9072y/ElYr19WitJnP+jyfGdf06oF1"
    "mE7KxjX9R9S6cU3fr+dQLnFUQ0jTMl26aB0FoH6ACUcZtKEhqgVB01U3RlHIOIvUI0Mo6q"
    "Y962l33RpAkR6tFdETZdNsB8ia4JQivMko7wDgo8tHl8e3MCc+IvxnXZc9mpT4Pv3YeQCL"
    "FPUjY4BudCVHNK3mOWPYQLowOnnZQG4C1C/rqlZH1J92GSoVda2SSKmk01UHSnlJmZpxUl"
    "LodIhLutJBSydkHDGdkSdGlC0eW0kCobgTBSXp5JBU+EvmMXtIpEeWc+4wIuRE2iudht6v"
    "Cp/a+TMbBgStOfUuY0XygS9dRrqYOBQTh9K/iXLHcSjG77gHnkzGvX7X7vUm3OqJw63gQ+"
    "1XZaPdroBEus9dfbCcr/qBtpCqInKqwjspKn98vne7Svk7pdxBN5ZN/boc66Lk8aG+E49H"
    "D/Pa+arCGFPtjZKXMx4pmbVjFx4p+Z1mk/FQJmtGRF0fYOOb1a+RYNxLqgfEYToaGPeSH1"
    "HrddxLshbOuvbBrJRxhthM2aeSlO2N+ewpsFupz2zPasx77pKAuXYR8PC9i4d7rW8ONx7w"
    "lSm2lYm5xqxw1HH0yVj3bIWZ5XSquEWgdDVDnW5jKb17PJYLu4/th+nnMBmazi0XKEvC9F"
    "tgXDqsW58CZgep7G8+XNbUi84IQu9ZUlfgkmeI7DviM6UcZj8PE75RpdjCVWMyxcTf/jud"
    "vi48nUs6NvMwOR3+CpO93QmsGY8IYyd4vJhHF/5Yl/SHePYxtJe54Ruwb4Ax0UWgJ3lRAr"
    "mIOFpSX9NF3HEwXYkPfW8IrY/S3xGPKW8VHYp8J/AIMhJtxeCp0RDUOes4nlzmKWzk2nbF"
    "bXghqdDCiQCDxJR7Ork5dHAKbwqYeio8xMxypHVP6BQaiNyVNU89MWrqfZjqRkjiSDHDV6"
    "RTTAqIjcZMfA6jDwxBwFcS+oxnTx/VNteqZRQq5cINFNEdfog1PVAnYDpH4ANnS3yNO4FH"
    "RkeqQcVPVlCHgOJzuQxVr4+VBnhAxkZdVTFrfwxc6GwWd6nmLu55SEDCewz+VZN165BnSz"
    "ZnhmA7dIIt06/qbtIzQn22wbalG2pZCV9uMBK+LNoI40HbxuIdy/YZ64FOVxV98doYvl/V"
    "Af1VNeavipCzRiRaVLzPIPfJ3jTl+O3EuaBkQb7B4p0VO0K0uz9BI1yQNDHsJRLGrNe5WQ"
    "9Wwc3CzdcCRhmdKyPaRTTkGbJS5hCfrVOQzoTedv2yFt6rx8To0831X28uPn9uiPkAz+ie"
    "Uq/NIqb7bJtsOmVWxRd2O/KJ9B6hv4osrM28JWAfDJty9DAVZG1W6IcO0ATSjMUMyx/dvN"
    "I9tInppwhwpbdhVsgkMSieTIpWvCYrlETCLFE6X6JkjJVNOcGCsMko0R8WsEj+6gwgricB"
    "6EWTT0Ze7vicXrpfk9pB44RTkYgZQ30eQxGB1WBBkJIwq4H8auAJUzQcziBpkKHhiT09jh"
    "LTDc6i1ZBu8hL94RFtnBPTpMPsxBqJ9H8T2BMJg7vxtDU+l8bT9kfWeh1P2ykX3J+3UntO"
    "1GwD+6Pm4uhm31wO1bVQc1byCEf3oau54OP9NI7ImYPGS3yR8weRbz0+e8Qeah+i/XUuiT"
    "WnAg+dRvZrCP+uhmTqyUXoFaqk/lt0OK4tqd2JfaS6hcVCf1YhyYy6ZMnVnONx2kTv9H8m"
    "Y3RvHRNLPoSOvYzoVwk9il1cpMrAH+lC1V6qaatB/NiCh2o+GUy2oHEJfXKXUGPeMOaN3i"
    "O6njUKgFYaidMix5SfpjNDsUajgGc1ZxWXNz6cNcgq4zTYI3MRLpVGj0sDlKuix3ztIDld"
    "5+mT0cBG4HG4ZyroM+o6BK0foD9xXreeLUBMWreefGQ7TutWdQRZ9Se2+tgx8419fJREPP"
    "/VXvDEAkYZnStjHS7f1A8kJ2e2oaW5rrStrF2qq7Roj5czfYo8XCcJaxP5UypsgK8FvLT0"
    "iqQN85YTNZxM7ziZrL3SQlt+G0XnRI2ie63oDLPTZBotCB7h/qR7I2BTlA24DcA1R9GZA9"
    "P6kHmtxoFpT+PuoP0Ybhi1w7csuDtk7g83uTuEmxYvVXSru8NvYVB1ktQL43xxT4+ZvnR9"
    "vnZQmDAmCNb8Tufe8lAsTrqFx9lA6ei5hKshQX8FQh0HLroOt2jJiTh7ezK6W9zOWVg393"
    "Vp4oIuMPUX/h0SwZaw6yA6qO+EjGFN7EtvHOVFIxgEFvldRDnaUCqqyOcwqvAcH+qFnovj"
    "O/FsItVcq/kdenasm+eTQGCmN2j28xPyFRPJ4SsxgUnd4AHeCt0/ZmRBbWictoJh6jIKo3"
    "ruyWA2103iQreBi4n8Bo3FvHR3ojQxnW6gzinHvqnwlctS0Q0J1bWO10n+NjiT+DLwwmlk"
    "fZxL3pXEOIz0wWEkUVQbPieR7vMiR2e3yk4Cbaid7uPnzQlJez0hKT1HNt8ZZ2XN1rjXW+"
    "Pw29yQrvNLaVJjT6wy5MZrmaZjKStp/Pj7PJBMvMaPoecnTcdgvoQmH8OuPoQdu9maWNVq"
    "qA8zarEqVrUnYU5f2WQu5X1lmFPm/nCT3W8ZlmwS5nQuEotWbIEb6vgjGSh9+IHPoF8rP0"
    "yJH+VeJEtGqMd0OShUNOp1U21y3kLWXIVlCqaqn0vsWb7EzP76gIWZh2djkzE0Bg8PsNBx"
    "0idKov58MuMPaHAL3DuBj5qwGRd40jZbho2h2oxI8WwDP5j8L7NUdAYEVbGNEht1z1yFzd"
    "I2ZjJZvUusmlEEDtxV+k94fLc+/EDqCiPLJ7dDAx5a2lh4DoLAkwtA2fyBhRR9cv6EPkU8"
    "1DqxoNsMdZPQhEgmeierUsFioVmz2qJX9HipNO1lThxY5w/1mMVAoqMzvgvnGuyw8kip2r"
    "4QwtDRIejGBtoLG+jT+4H17lu+e/uBMX7u93h4S3/UmnTulIixidXq09TlI4zBLs2IuwHo"
    "rNjxgd29v4gJd0x4qbO3dYips7fVzBTey1l3D44XHHy9eP/b9fXvDdceOmE8j5a/SA9ac2"
    "aTMELt6RnC1Mqz9pIkETnCzr6TaRt2X46kJQu/TTm31yL7j3h5msXIjs4bP7CjKW4uPlxc"
    "/uPilzbTTG/OpTgQo/DprqaUrnMvoNWoAZjr8gbKPJQmLfhx0lA6RX5FWtstifWrctsewb"
    "5olxF27Zmq0gqOkLA6pvGVs383DPpKix6hoo+Mmcx8L1PET+MPZ07WfEH7PMJdT1rM91tp"
    "Oi9rNN03TffE2+AXDugzl2LemhJng/Tt4SZfAztXcKunwbVgJAxrUcia23w6ZZ5fRqhzHZ"
    "5DJzJQKQI9Ysxl4Gnu22PRrShvqmBFL4TdPzKOKfIBRSJdJsgUhkcU5BOFKQ3RvUFT8qCU"
    "FfECgd4PDB0cyNiRFnXGcR5X+cBt5oUODsjbT/ksgG6nI6EwzsmH21UEfi2G3mYK3ntXDH"
    "0Q5yHZ6WNSuUwNM3/ozLzhiPfKEd/D27W1xcayfeYcwoNqo4m+jSW2++x+huDZi68Jfkeb"
    "0DtrAZPOrHPKJ17INKLbUjJGJYaFu/50cdWUgdOT/4RZejE+hQV2P7g4UAtAWX6IdvVHIC"
    "t1fJbxF6enp3WQhmLVWOubJWijsXNSksx100FvGTFz2ttjTtmLoGxjqc6IGitW36xYWct0"
    "ZpffzDCdETWMRF8UX4eRMEfQdGUXSc2ZQdPcv4mEyYy2OTMaIFUEtnFetBsGbbW4w3W42U"
    "1Y52HCuzVHWtK3KjKklUwHHUD8KanpIOeArbhm58BeZZ8rdu8Sdqh0DFRzRF6m+Cgah/Wo"
    "IksuXOpxH3bkYR64OCkaF+QPPN1lSJR8fkLOFVlITBYndLQkcjC10s7t4BlJuGppFjZF75"
    "kOR0XBZwj/OxJn0HheOyGbTjE3C0Ni4XFxijpkjOIoWk1mvcOY1UBAO6TPSEQPE5szm8wk"
    "UkoiPJFQx5m25JS8zigeQ8YYMqZ/8/mOyRh9RtVCln88t2TeyYoe4f7pQPZLtTbKcKudmj"
    "OCRsm9VjI6w/Cy87s2TZ2J0B4nzvWVg5059RKoiTF9LXCEfGr3hIXJrbhzvtqaM+uelSxu"
    "K0OKUhImqKiY+BXn0UZ4pkUMoCZK68dYpRxIXOihJAvsUYrc3i1SjpcAMylzj3eybBCmkf"
    "paroMhSsPE30fiv/5+wxxa4dJTHoBxYIO+igj5vkvq4px53JoPSviK6M5wE0lBkzLbiIlq"
    "GLbbzhtZuCs/xqUG7pLvcDQpPM6yvcuPQyff4WpLdosUXY9Nz9W3obiXZGhuE4Sj4keI7o"
    "u6roybPBkLJgKpU8UWEa52YkyJmJxFDT0YnzQ+8/v/A0ZW1PM="
)
