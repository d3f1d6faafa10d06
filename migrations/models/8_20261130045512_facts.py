from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        ALTER TABLE "payment" ADD "reopened_at" TIMESTAMPTZ;
        ALTER TABLE "payment" ADD "provider_amount_minor" BIGINT;
        ALTER TABLE "payment" ADD "provider_currency" VARCHAR(3);
        ALTER TABLE "discrepancy" ALTER COLUMN "run_id" DROP NOT NULL;

        -- What follows is written by hand: aerich cannot express it.

        -- Our rules bind our acts. What Stripe says has happened is written as it is: it may take more than was asked,
        -- and others may give back beside a reservation of ours.
        ALTER TABLE "payment"
            DROP CONSTRAINT "payment_capture_within_amount",
            DROP CONSTRAINT "payment_refund_within_capture",
            ADD CONSTRAINT "payment_sums_not_negative"
                CHECK ("captured_minor" >= 0 AND "capturable_minor" >= 0
                       AND "refunded_minor" >= 0 AND "refund_pending_minor" >= 0),
            ADD CONSTRAINT "payment_provider_currency" CHECK ("provider_currency" ~ '^[A-Z]{3}$');
        ALTER TABLE "orders"
            DROP CONSTRAINT "orders_sums",
            ADD CONSTRAINT "orders_sums" CHECK ("paid_minor" >= 0 AND "refunded_minor" >= 0);

        -- A refund that we ask for is within what was taken and not given back, in the currency that is held.
        CREATE FUNCTION "refuse_refund_above_capture"() RETURNS trigger LANGUAGE plpgsql AS $body$
        BEGIN
            IF (SELECT coalesce(p."provider_currency", p."currency") <> NEW."currency"
                    OR NEW."amount_minor" + coalesce((
                        SELECT sum(r."amount_minor") FROM "refund" r
                        WHERE r."payment_id" = p."id" AND r."currency" = NEW."currency"
                          AND r."status" NOT IN ('FAILED', 'CANCELED')), 0) > p."captured_minor"
                FROM "payment" p WHERE p."id" = NEW."payment_id") THEN
                RAISE EXCEPTION 'a refund above what was taken is refused'
                    USING ERRCODE = 'check_violation', CONSTRAINT = 'refund_within_capture', TABLE = 'refund';
            END IF;
            RETURN NEW;
        END;
        $body$;
        CREATE TRIGGER "refund_within_capture" BEFORE INSERT ON "refund"
            FOR EACH ROW WHEN (NEW."status" IN ('INITIATED', 'AWAITING_APPROVAL'))
            EXECUTE FUNCTION "refuse_refund_above_capture"();

        -- A payment that Stripe turned out to hold open is beside whatever has begun meanwhile.
        DROP INDEX "payment_one_live_for_order";
        CREATE UNIQUE INDEX "payment_one_live_for_order" ON "payment" ("order_id")
            WHERE "status" NOT IN ('SUCCEEDED', 'CANCELED') AND "reopened_at" IS NULL;

        -- Whoever asks how things stand counts the events that were given up.
        CREATE INDEX "webhook_event_dead" ON "webhook_event" ("id") WHERE "state" = 'DEAD';
        """


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        DROP INDEX "webhook_event_dead";
        DROP INDEX "payment_one_live_for_order";
        CREATE UNIQUE INDEX "payment_one_live_for_order" ON "payment" ("order_id")
            WHERE "status" NOT IN ('SUCCEEDED', 'CANCELED');
        DROP TRIGGER "refund_within_capture" ON "refund";
        DROP FUNCTION "refuse_refund_above_capture"();
        ALTER TABLE "orders"
            DROP CONSTRAINT "orders_sums",
            ADD CONSTRAINT "orders_sums"
                CHECK ("paid_minor" >= 0 AND "refunded_minor" >= 0 AND "refunded_minor" <= "paid_minor") NOT VALID;
        ALTER TABLE "payment"
            DROP CONSTRAINT "payment_sums_not_negative",
            DROP CONSTRAINT "payment_provider_currency",
            ADD CONSTRAINT "payment_capture_within_amount"
                CHECK ("captured_minor" >= 0 AND "capturable_minor" >= 0
                       AND "captured_minor" + "capturable_minor" <= "amount_minor") NOT VALID,
            ADD CONSTRAINT "payment_refund_within_capture"
                CHECK ("refunded_minor" >= 0 AND "refund_pending_minor" >= 0
                       AND "refunded_minor" + "refund_pending_minor" <= "captured_minor") NOT VALID;
        DELETE FROM "discrepancy" WHERE "run_id" IS NULL;
        ALTER TABLE "payment" DROP COLUMN "reopened_at";
        ALTER TABLE "payment" DROP COLUMN "provider_amount_minor";
        ALTER TABLE "payment" DROP COLUMN "provider_currency";
        ALTER TABLE "discrepancy" ALTER COLUMN "run_id" SET NOT NULL;"""


MODELS_STATE = (
    "eJztXW1z2ziS/isofZmkSudKnEwm51xdlZ14dnwzsVOOs7na8ZYEkZDENQVwSdCKai7//b"
    "oBvr/IpEzJlIJPtkg0CD4NgI1+/WuwEDZzg6P3YSDFgvmDE/LXgNMFg39K94ZkQD0vvYMX"
    "JJ24qrGVbTUJpE8tCden1A0YXLJZYPmOJx3BsfXNnBGP+YHgZDkXxKOrYEjuuFhyMlkRCX"
    "eDufB+CohjvyNj9k0yn1N35Nhj4gTq/jgIJ2MipoSSSbhiPrSV4o7xIxyALSwYgcNnO3hW"
    "yJ1/h2wkxYxBW0Twz3/CZYfb7BsL4p/e3WjqMNfOAezY2IG6PpIrT1378uXiw6+qJb7HZG"
    "QJN1zwtLW3knPBk+Zh6NhHSIP3Zowzn0pmZ4DnoetGPIov6RHDBemHLBmqnV6w2ZSGLrJv"
    "8F/TkFvINWKLBXX4kWMHR5wtAZ7/jkaYaT0aXV7djD6f34xGgxLTcSQF3kSXLMFxwjhcIl"
    "5/fdf9prioqwN8wPvfTq+fvXrzXCEhAjnz1U2F2uC7IqSSalKFfQp2hrFl1N/PqV+NeoGs"
    "AD8MezvAx2BtAd7Bgn4buYzP5Bx+Hv/88xq8/356rSCHVgpzActar/fL6NaxvofYZ7CGqe"
    "K2Qjkm2AjfCL0E3rhJim+6De0c4FfHLxoADK1qAVb38gBbPkM4RlSWUf4Ad6SzYNVI5ykL"
    "cNsR6VH8zyaT+6nRhxe0r7i7iibGGvBvLj6ef745/fgJH7cIgn+7Cr/Tm3O8c6yurgpXn7"
    "0p8CnphHy9uPmN4E/yj6vL8+IWlbS7+ccAx0RDKUbwFRpRO7MDxFdj1HJcDz17Q67nKQ3X"
    "+8L1GKMM29XoUWSY3mW+Y3hhQq27JfXtUe5OOj2Eb4OYU54aZxHdr79fM5cqZMuTIBL2rr"
    "CP/dtyv8cTPr6aToMUH5D8FgwJHoXQJ93LAWGEc0sci7rZVr61OF4Ur1BOZ+qV8Nn4pNx8"
    "qjhVJBOt/kiRzueHDxRf51SCeI6SPFlSeGOQ0MkEBH/q2ENCuU3mYkkWoTVHOd6RZE4DuF"
    "91Xti8q1t+y8fYbLRwuPDHQzL2GQjQNouvKPJxNBFHgaQyDOCiD2eQcBEQcc98deJQrw7H"
    "jHjKDsnSd6RknDhcH1kAzVsOoPCAavmc6rNKRAH/w1tYc8qBLXhjcUTGLg3goQxmI7dYNB"
    "Z1Dd5groeBXcxhK9WvFhAa2o7qx8HXG7vCuoOXiYelTkhcEP2hOcHzFcNXwGZAy/V7kGfj"
    "gPn3jsWCI18sg/Fz4oXQN/Yf94QP9oGvwgXGSjJ1/EA2PF79NUjnYnIMjcT1jLSDVOybB/"
    "tyAHAlMzealtGSidf6QDUGeNWP7+YEZ05wP9YJLjuyFlgXyA7vNPfyxYsmxzlsVgu3vpnH"
    "WwoJM1R9JCrEE2d2wWU14gXCAuJOI0Gld8L8DAfxH/95fPzq1S/HL169efvz619++fnti7"
    "fQVo24fOuXNVw5u/jbxeVNnh14oXCmDn0fPoyrNvM9S9PNxvLU0Od1F000F/V6i+IkT0Wj"
    "dnM8T7e7Kf7ioOZ3XhRtx4EyreHCZlzIy/7Ve805DxeKDxcwYAqyesWKKPayu91n8OXy06"
    "kWV1uwBX76zj2zi8etZirURhrUNQrUkv6UejL02WgBhwpRI00+zIVyLzvkwumXm6uPpzcX"
    "78uMyN/Ks2E5h0PkQnC2UtYtesf4Jix5+aaJFFTUmmVkoDdFlgCIFEX/MjP+5/PVZfW2lK"
    "UpKjUdS5L/I64TbG1jyhytJqHjSocHR/jYpzhWIUY5fWYM9bOPp/9b5ML7P67Oiucv7OCs"
    "wBI4ygeVB4Da70SGYncfiJfb/UAcv3z9y+u3r968Tr4LyZV1n4Py1p9Tv7QAtUR3MN/ebq"
    "FFLVYb4T1HtMOde1vbQ36HfvO6wQ795nXtDo23jNHxsM1Pxuj4I3K9zuiYV4bk9OhNNdwF"
    "skeounumBdxco10y5ZZBLiP8q/CZM+O/s1XpBFJtlcw66e0lsiWzJFz26TKxuRSnFkAAL8"
    "6kAuEapvv1xfsbbal5yE6+aztw37atRsZydt8ZROf3B4bTNg3m8bSqMJlnZly90dzLNHrQ"
    "av5R6QFocMdsMhX+kMxhjEOtFVDm4ZkDvCP4ZkO0PCvtHwH+yAANxEBNYg142Y7eZedoWU"
    "c/Xq3vUtRoqVbGj0AZrj/Dcz32UzAksEegzXuyIqnZGenYGPp0V0exUX7kMW7DWGPTvAOP"
    "DX0ilvwEO7/lQbjAgejWgbao46Ngf4d+4RE4DC4kWTFJbGY5NrOh91grNGHw1kz1q5Qu+P"
    "qp5sWHzYsGepzwxsydon1da5LQcYCzb3KkTftZSz3zfeVGgB4DnHrBXMhoZHPh2soWD1MQ"
    "JtViwvxogCRgIIDLd7kubjkgJwhOMe044OMBM4gcB6bUcdXL6H9AhEvfAxtjR4RKyRZe3H"
    "gIdwFkNP9b0CmhU8l8XA+B9ouIeRm9DV2IkMvELQLeB8nJkgbplIHne764B1z9UYE8uV7d"
    "zy2P5wMRk38xS5KArtT4oQEFnsE/BPqY+XRBFtQGNAViD9OBwIpi2v1Be3vgAo0oHYkoxE"
    "M8IqdwBx03bvmziO24DOPBSEHGthN4oUz8P56rEcJkH+NsSF/qhNCYZ+hRoVDUC0W5hCwd"
    "mBahVB4TuTURuXSsQDbQTJqhg4VqT7CTFXGFuANORetDcxceES0S7XQBL6cAgeWH09lJHU"
    "coXylQcG76TMCKKUyGuNvQhzsExwhvraYiTVxRkEw/GLmrXgifu5F7R+4gCZLAY7w68HOX"
    "6Tt/XOm27+ws7b731AqwTXzqXWs6f5RyGzIuPIfnwuPCJx+Flgq5Ugj4IPIaTV2GrID9BO"
    "j2V7astCNeXf2R0xKcXRSsipdfPp6dXz97qTgAjRxZY2x8nJHxSYyLF5cXNxenN+et7YvJ"
    "Bz8dtrEzbtfOuJ4hvbU0BkyG3mgaKkzDAM5hG6+Qyp567PUG0OqQRz2V0K35jnmyH3wxDl"
    "jbdsAqiqHNHYCKlMbPcHM/w8JBsR0jqqgPxh78JJzYzCOuTGu4YPwS950LeZ3oJrwo92A4"
    "shlH8qrDdrwo0xoubOivW1RAt5FOK4l7fDzoh5RaqdtvN/9ru9hoGfQN/CdZCIHSr8Shny"
    "MYjPrTKhRvXR+Htyy2EpgXQWgBxjO2Gfw5WgN7I9jrFHhrfdOrlXXtPNN7BvWuXdAzZvA2"
    "4BfIDAc250DqM9CGAXkqg//m+CceGGX417vf5gg78L7dHz703Nm27GOddxlqy+gyteF2n7"
    "ltIt16t8maSLdB95FusVda2/2sTG32sz7vZxnHwLasLpAaPveZzyb+r34D3c9IMBP/9yNy"
    "3cT/7dYdtpChtSWkWZou/Y4PAtAgxMz+DMbQEtUSoZmqa0NVRZyu9ZFxqk3zC/d0uj4YpZ"
    "pdrTUhqlXbbAfImgjgMrzpKu8A4INL/FzEt7QnPiLGOunLHk0qXCZ+7ITbZb+rRwZaX6tO"
    "DmhbLVlAQr9qDW8wjX7VnR0qVrYDfTMPdjLnsYB9SLpaHdDa22bsfrQMK0L30wVaH7nvp2"
    "0aBu4LriKCl3SlouiPyDjy8IhcMaMSVjhKEnLpuHG4LmaspzxYMh/jtoVPlnPHZYSLibBX"
    "qjZWUBfPv/VntowITnyJugwWLUa+dhnqagJRTSBq/zbKLQeimsCjHnhwmvi6bXsum3jrJ4"
    "63hg91UFex4mEGpNR9nuqD5XzVD7S5kDWh0zVemVH7w/M53lZZkOjoO1o3r+u9//KUh4f6"
    "Vjy9ozxYNYqreg+tIp3x0srJjl14aRVPmm3WQxWtWRFNYx+Mv2K/VoJxxalfEPvplGFccX"
    "5ErjdxxclrOJvqB/NUxnFkvXtDJmvuzqzEPQX2QTNxfma1thFv0wBTsPHV51DOWAEfTKU8"
    "mmYaP2iZueIsSYybSaU71DlZ4eg+jCv1WtR1Mbcr5kSFPyJ0bTKn90zVEiYSc6g6smyG6f"
    "oBKo1slFYYk9tGqn2iLv2EiYot4dvvyNhmlutwBhPE1lmNYw2QemBUl1hRDTF5LwkY9S2V"
    "PBYzLqvDUWwdkipFr5jWJR4+wUzMabpezCDrK2ulztWLVBEEQ52uNx5Kao5KgpzHRDLXhW"
    "cuxS2PqOA1PerLdyrJdOa5RIdQ6WLEOhcx0R2RZ68+fH6uxq6S2yI5pm5W73yfFFxWN8NA"
    "pw9+vDkrF8LXbYrVLDfVbpY+2Fi39t26ZVVattZo+atNWr1Se254Iu6+DFJx5TQFubTiDk"
    "778LKpEnSdDrQId+vQ826izvs2q3etYTAJL54G91RSarO35KkOb2fZil4zkSrbRmQU6Ezo"
    "gElR1IPpHEGnTiOboZ4lNaA3Ar032Vn2SF7puQK2rHc31pb6Jbafevcm1hajdzd6d6N3b6"
    "R3v4ol4kGFyj29OVynbRe5Zo307FrB/VNA7thKqZxRnbsIpepmqHSzS+HfYUEznD52oOsQ"
    "YlE3VWQwlJZYsGoVe0d9K+26HWbKAGKhORXyoEpx0DuW9hV65Bkie0ICJiWIB8+jWnlaaz"
    "0mU6wAH5yoOoaKDCutYeE2rUnXFeRuOfa89B3JsIAe9ekiGKuWwZAAyDBe5uk3YN8AY6Ka"
    "wEzyo0qCUcBGbDdwXBfrhAQw94Yw+qgOIvGZ9HVlF1UrEUv+RadQeGq0BFXxQmiitOUwyM"
    "Rn1LHhhYREz2IEGAsNOr6qcg8THOvLAaa+jMwYrrDudDlBjBmx5pknRkO90zVmuCCu4DN8"
    "RTrF6pA4aKxi6DJ6zxAEfCXgYzAXMCAs/a5Yyyh06nAvlERN+CH2dE/dkCnTxb3Dlvgat3"
    "w5FzFrkPGTFfTBoflcLDXrBddlDBlmHwZe1ZkA/hx4MNksx6MqZuDO0YE/8B6DfzY0D3Ro"
    "C0idoozqf99V/7l51fT8lyM6QCPAq0aK6VdrFNOvyorpeNFu4mke0/YZ64GqExV98YrfyC"
    "aov24C+ut6zF+XIWetglei5n0GuVe6DAe/nbgXVAjkazzN82QHiHb3NkQtkLSxrqQUxp22"
    "c6MLSMHtbIwJgWHG4VjANmPHtmDf9haEYXubF76MiXcaqTj6dH31t+vzz59bYj6A8xn06G"
    "8ixHRf5pJNp8yq+cI+jHxKvUPoLyMNa7soRV1pHjM78LQCfT94gCqQdgYy3f7g9pXuoU1V"
    "P2WAa6P880QmoXapCpnS4rWRUFIKI6J0LqLklJVtbYIlYpP1us/GX5WN3vMFAL1o88ko0h"
    "2eQ8UWXGvD1sVPIhKzhvq8hiIDVguBIENhpIGiNPCEaaT3Z5G0cFh8Yk+Pg8R0TZKGekjX"
    "ZWf44RF9okCI/cFyS9pINP+3gT2lMLibDBfG59JkuPiRuV5xPign+Ha4E8w3c6PPk5pjYH"
    "/YXF7d7JvnQHcbsDlPeYCre9/ZXPLxftIEIOcYyDSoT/+h7w+bJP9gSdMHXZK/zgVmi+Aw"
    "MuUFOtTZOKa+WGivUCnU37LDcWNK5U4coKmbW0z7s3JBZtRT2T8crpJl4En/HRmje+uYWO"
    "JeO/bGeSqUR7GHQqoIg5FqVO+lmtUaxI8teagWs1bkGxqX0Cd3CTXqDaPe6D2iya5RArRW"
    "SZwlOaS88J0pihUaJTzrbVZxe+PD2cBYZZwGe6QuQlFp9Lj0+4UuemyvHeg0ZUUxslEkRO"
    "dJ4OEg8Djccx30GXUVgtYP0J+4nkrPBBBTTqUnH9mOy6mk21zTT2xKYb6xnX9jk/2vscAT"
    "ExhmdM4Mk7xqq8mrTBalJ0hdtVnkTyWxAb5ZCjxLSSSbWN4KpMYm0zubTF5fiVm8N2J0gd"
    "QwuteMzll22myjJcIDPJ90rwRsi7IBtwW4T+jn3Deot5J9TWFVBrd17rWruJ/9BPXBzGvZ"
    "OdWrvGvKj+GaUVu/ZcndIXd/uM7dQR9a/EzTB90dftNB1WlSL4zzxTM9ZvpS/QXKQUFVG8"
    "GeT1TuLR/J4qRbWEYeWkfPJY4cEvRXINR14aLnOhatqES/syeju8XNnOm+nUC1Jh7wAlN/"
    "4d8h4WyJxUtUUN8RGYNMHESVVNDlAoPAIr+LKEcbUkUdBQ6sKixYQn3tuTi+5c8mQs4Vm0"
    "/QsyMZXkBCbqtiLqvnR+QrJpLDV2Ick7rBA/wVun/MdH2UqIrJGKlHcu6LcDZXQ4qKtDh8"
    "Ir7BYDEv3S2vTEynBqhyyrFvUr9yVSq6uPTLOEnyt8aZJBChr7eRpIx60ZXEOIz0wWEkZd"
    "Qm9pyUus9Cjspuld8ENjHtdB8/n6yNEvxnQriM8ppw0wxZAfcJ0PUH+C7m9tnV1R+5A9nZ"
    "RcFcc/nl49k5IK+Ah0aOrLHiZPfI9ifjPK05Gvf6aKy/zS3NdUGlmdToE+sUubEs03Yt5S"
    "mNH3+fF5KJ1/gx+Pyk6RjMl9DkY9jWh7BjN1sTq1oP9X5GLdbFqvYkzOkrm8yFuKsNc8rd"
    "H67T+y11yzZhTqc81WjFGjhdfViEUhU/CBjMaxnolPhR7kWyZIRiUV2sUlxV17ibbtN6C3"
    "l1FbYpqareVeizAoGZ/VWBhZkvllhRGAaDxQMsdJzE+r/Iv4DMnHtUuIXeLcdHTdjM4QE8"
    "lS31YKhSI1KsbRCEk38xS0Y1IKiMdZQ4qDvmSRyW0jGTyeok1WpGEThwV6o/9hDrMajiB0"
    "J1GGk+HVsr8HTVYlUHgWPlAmC2c8+0iT6tP4FIRlwnFkyboRoSqhDJRJ1kZSZYTKs16zV6"
    "ZY+XWtVeruJAkj/UZxYDiu3UON5q5xFTlX4hKlqXbuaPeY7RgfZCB/r0fmC9+5ZvX39glJ"
    "87VX5SS33U2kzuDInRiTWa09RzRhiDXZkRdw3QebLDA7t7fxET7pjapY7fNjFMHb+tt0zh"
    "vYJ2d+/sgoOv52e/XV393lL2UAnjnUj8RfOgNWc20RFqT28hzEiejUWSlOQAJ/tWtm04fb"
    "mCVgh+63JuJyS7j3h5GmFkK7Ete1ea4vr8/fnF388/bLLN9KYuxZ4ohV9sa0vpOvcCao1a"
    "gJm0f0IoX/QHPpMK/DBNTyotfk0q2weS6dflsz2As9A2o+o2t05VdnCARqpDWl8FnXfLQK"
    "8s6QEy+sCskbnvZcbY0/rDWaA1X9A+r3DPFxYLgo04XaQ1nO4bp3viYfDBAfSZRzFXTYWD"
    "Qfb2cJ1/gV1o+KB3wRVnRIeySLSU2850yvygyojuqJAcOhGhzBjNIyu5CH1l7/ZZdCvKlc"
    "pZ2fNg+4+M44gCQJEIj3EyheURBfZEoUlDdGlQZnhgyor4IUePB4ZODWQMv5KYIqGGC6OZ"
    "ipDbiZpSu0UgG/Ugbjk21i+Dvg1kSVWHPHYDUBeWvgOHeA6PcIVF3XGcHlbcOzbztd8E9j"
    "N1ZiHMbBVgheFTAdyu8wtoZPi3mQRot2X4D+P0Jlt9TCZFqjH477vB35ied2p6voO321TF"
    "G9P22ZSh699G35JNFLzdJw00dqOduLDgd7SN1SghMFnSOrckxYJMKytehsawxBj3rj6dX7"
    "Y17KnNf8IsJe9PQdjuh4kP2AJQVtfmrv8I5KkOT/n+8sWLF02Qhmb1WKubFWijPnVSkSN2"
    "Xf24HJkpIveY4n0RlJsow3OkRlHWN0VZXvmdO+W3033nSI3Roy+Mb2L0MJVtutKLZPbMsG"
    "1K4ZTCYLk23xoAVca1dba1awZjtRzXUUFs17rPvUT3wcRr6cyqSbtWsRl0gPCntKfDxDW/"
    "A/YqpV15dleYnyqXQL0Rys81H0XLsJktyhILj/pOAOdxnVwuzrTmcPInlowZEimeH5FTSR"
    "YCM9BxFYKJRp5Guey28Iw0BrYytZukd0zFuCLhM4T/hMRpOZ43zvKm8tbNdJwtPC7Oe4f2"
    "ojg0V1nLTjAQNkSjkwgYiezPxHaYTWYCDUpclzlUwasbWpT8zgw8xhRjTDH928+3bIpRha"
    "8Wovrj+UA6nzzpAZ6e9uS01OiYDLc2Y3OO0DC510xGbxunqijYuq0zJdrhxplc2dudU4lA"
    "bVTpCcEBWlO7N1eYhI1bt1Zbc2bdsQrhtjZOKUNhgr7K2WRxH22FZ5bEAGrCwH4MKWVPgk"
    "33JQNhj/Lu9k5IOVzzl8nDe7ibZYs4kMzXMom2qIw9P4vIf/39mrm0xqGnOsJjL5lfsoN8"
    "36rlAuA5C0E2rkzJmbk7XGurgHajSdqwkZFCtx9GNWIwXgPrjKExQavdlSb+iGAIinqQTh"
    "IpiStm8ConRBXqJZRYPpKhMUH3qFNUTuE9qw0XO3iuMma47J65aRgOBq64bCoJ1bkqtW4K"
    "zRaY0hPtG3xMArpS1g+0IaS1eJTxQwfOMI7ZLhuaHGoNA3esVQHwqHk3x/+HjQI7O5x25a"
    "2+xiiAc6DCuOsKWiMxJhQFtKdIsoeSzBqEP1x9OfvjnHy6Pn9/8fki8qRLvmHqZl6XdX1+"
    "+kdRFUA9ajmyYjqvwThLZGBuArPH/FGABukKJcEaoPNkBuomUKsvQUtNeEJjLIgt8oi2Pn"
    "8c7HHzBzp3bFOYPmW+Y82rBOnozlohmqZtHpKf6xn7CKGwylukVrFV6SxSodOKhLv+CoSd"
    "6LTqBcANcug+Nn9u3zaXnWQr9togHDU/QHRfNg0KWhcTVDK3CVXLoYxwfThQhsQkFW0ZC/"
    "SkH7Pv/w9ODWGK"
)
