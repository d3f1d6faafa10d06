from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        CREATE TABLE IF NOT EXISTS "payment_failure" (
    "id" UUID NOT NULL PRIMARY KEY,
    "code" VARCHAR(64) NOT NULL,
    "decline_code" VARCHAR(100),
    "error" JSONB NOT NULL,
    "method" JSONB,
    "request_id" VARCHAR(255),
    "operation_id" UUID,
    "stripe_charge_id" VARCHAR(255),
    "stripe_event_id" VARCHAR(255),
    "failed_at" TIMESTAMPTZ NOT NULL,
    "created_at" TIMESTAMPTZ NOT NULL,
    "payment_id" UUID NOT NULL REFERENCES "payment" ("id") ON DELETE RESTRICT
);
CREATE INDEX IF NOT EXISTS "idx_payment_fai_payment_953739" ON "payment_failure" ("payment_id", "failed_at", "id");
CREATE INDEX IF NOT EXISTS "idx_payment_fai_decline_4b42cb" ON "payment_failure" ("decline_code", "payment_id");
COMMENT ON TABLE "payment_failure" IS 'One attempt that failed, with why, as the caller was or would have been told it.';
        ALTER TABLE "payment" ADD "failed_at" TIMESTAMPTZ;

        -- What follows is written by hand: aerich cannot express it.

        -- An attempt is kept once: by its charge, or by the event that told of it.
        CREATE UNIQUE INDEX "payment_failure_charge" ON "payment_failure" ("payment_id", "stripe_charge_id")
            WHERE "stripe_charge_id" IS NOT NULL;
        CREATE UNIQUE INDEX "payment_failure_event" ON "payment_failure" ("payment_id", "stripe_event_id")
            WHERE "stripe_event_id" IS NOT NULL;

        -- Of the attempts before this version the last one is known, where no later one succeeded.
        INSERT INTO "payment_failure"
            ("id", "payment_id", "code", "decline_code", "error", "method", "stripe_charge_id", "failed_at", "created_at")
        SELECT gen_random_uuid(), "id", "last_error" ->> 'code', "last_error" -> 'details' ->> 'decline_code',
               "last_error", "method", "stripe_charge_id", "updated_at", now()
        FROM "payment" WHERE "last_error" IS NOT NULL;
        UPDATE "payment" SET "failed_at" = "updated_at" WHERE "last_error" IS NOT NULL;
        """


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        ALTER TABLE "payment" DROP COLUMN "failed_at";
        DROP TABLE IF EXISTS "payment_failure";"""


MODELS_STATE = (
    "eJztXW1z2ziS/isofZmkSudKnEyS81xdlZ14drwzsVOOs7na8ZYEkZDEMwVwCdCKai7//b"
    "pBUnyXSZqSKQWfEotoEHwaBIF++uWvwULYzJVH7wOpxIL5gxPy14DTBYP/FK4NyYB6XnIF"
    "f1B04urGVrrVRCqfWgp+n1JXMvjJZtLyHU85gmPrmzkjHvOl4GQ5F8SjKzkkd1wsOZmsiI"
    "Krci68nyRx7F/ImH1TzOfUHTn2mDhSXx/LYDImYkoomQQr5kNbJe4YP8IB2MKCETh8toN7"
    "Bdz5d8BGSswYtEUE//wX/Oxwm31jMv7TuxtNHebaGYAdGzvQv4/UytO/ffly8eFX3RKfYz"
    "KyhBsseNLaW6m54OvmQeDYRyiD12aMM58qZqeA54HrRjqKfwpHDD8oP2DrodrJDzab0sBF"
    "9Q3+axpwC7VGbLGgDj9ybHnE2RLg+e9ohKnWo9Hl1c3o8/nNaDQoKB1HktNN9JMlOE4Yhy"
    "vE66/vYb8JLvrXAd7g/W+n189evXmukRBSzXx9UaM2+K4FqaKhqMY+ATul2CLq7+fUL0c9"
    "J5aDH4a9HeBjsLYA72BBv41cxmdqDn8e//zzBrz/cXqtIYdWGnMBr3X4vl9Gl47Da4h9Cm"
    "uYKm4jlGOBVvhG6K3hjZsk+CbL0M4BfnX8ogbA0KoSYH0tC7DlM4RjRFUR5Q9wRTkLVo50"
    "VjIHtx2JHsX/aTO5nxp9eED7iruraGJsAP/m4uP555vTj5/wdgsp/+1q/E5vzvHKsf51lf"
    "v12ZucntadkK8XN78R/JP88+ryPL9Erdvd/HOAY6KBEiP4Co2onVoB4l9j1DJaDzy7pdaz"
    "kkbrfdF6jFFK7Xr0uGWY3qW+Y/jDhFp3S+rbo8yVZHoI34ZtTnFqnEVyv/5+zVyqkS1Ogm"
    "izd4V97N+S+z2e8PGvyTRI8IGd34KhwKMQ+hT2ckAY4dwSx6JqthUvLY4X+V8opzP9SHhv"
    "vFNmPpWcKtYTrfpIkcznhw8UX+dUwfYcd/JkSeGJYYdOJrDxp449JJTbZC6WZBFYc9zHO4"
    "rMqYTrZeeF9l3d8ls+xmajhcOFPx6Ssc9gA22z+BctPo4m4kgqqgIJP/pwBgkWkoh75usT"
    "h350OGbEU3ZIlr6jFOPE4eGRBdC85QAKlzTcn9PwrBJJwP/hKaw55aAWvLA4ImOXSrgpg9"
    "nILRaNRf8GTzAPh4FdzGEpDR9NEhrYju7Hwccbu8K6g4eJh6VPSFyQ8ENzgucrho+AzUCW"
    "h89Bno0l8+8di8kjXyzl+DnxAugb+497whv7oFfhgmIVmTq+VDWPV38Nkrm4PoZG2/XUbg"
    "el2DcP1mUJcK1nbjQto1cmftcHujHAq//4bk5w5gT3Y53g0iNrgHVO7PBOcy9fvKhznMNm"
    "lXCHF7N4K6FghuqPRMn2xJldcFWOeE4wh7hTa6PSu838DAfxH/95fPzq1dvjF6/evPv59d"
    "u3P7978Q7a6hEXL73doJWzi79dXN5k1YE/5M7Uge/Dh3HVZL6nZbpZWJ4a+qztoo7lotpu"
    "kZ/kydao2RzPyu1uir84qPmd3Yo200BR1mihnRaye//yteacBwuthwsYMIW9eskbke9ld6"
    "vP4Mvlp9Nwu9pALfCn79wzO3/cqmdCrWVB3WBALdhPqacCn40WcKgQFbvJh7VQ7GWHWjj9"
    "cnP18fTm4n1REdlLWTUs53CIXAjOVprdoneMt1HJyzd1dkF5q1lqD/QmrxIAkeLWv6iMv3"
    "++uixfltIyeaOmYynyf8R15NYWptTRahI4rnK4PMLbPsWxCjHK2DNjqJ99PP2fvBbe/3F1"
    "lj9/YQdnOZXAUV6WHgAqvxMpid19IF5u9wNx/PL129fvXr15vf4urH/Z9DkoLv0Z80sDUA"
    "tyB/Pt7RZatGI12bxnhHa4cm9reciu0G9e11ih37yuXKHxkiEdD5t+MqTjj6j1KtIxawzJ"
    "2NHrWrhzYo8wdffMCtjeol2gcosgFxH+VfjMmfHf2apwAilnJdNOenuJbIGWhJ99ulxzLv"
    "mpBRDAgzOlQbiG6X598f4mZGoe4sl3zQP3bdmqRZaz+84gOr8/MJy2SZjH06qEMk/NuGrS"
    "3Es1epA1/6jtAFTeMZtMhT8kcxjjMLQKaHp45oDuCD7ZEJlnbf0joB8lkSAGaRJbwIs8ep"
    "edI7OOfryhvUtLI1OtyQ+pievPcF+P/SSHBNYI5LwnK5LQzijHxtCnuzqKSfmRx7gNY42p"
    "eQduG/hELPkJdn7LZbDAgYStZcio461gfYd+4RY4DC4UWTFFbGY5NrOh99gqNGHw1Ez3q4"
    "0u+PiJ5cWHxYvKcJzwxMydIr8eWpLQcYCzb2oUUvtppp75vnYjQI8BTj05Fyoa2Vy4tubi"
    "YQrCpFpMmB8NkEgGG3D1S6aLWw7ICYJTLHQc8PGAKSPHgSl1XP0w4X9gC5c8BzbGjghVii"
    "28uPEQrgLISP9b0CmhU8V8fB9kKx4/c2KAJf8x9D2ua6m+s/vSbvumCxFwlZjJu+09Mfdu"
    "E59qH4rOb6X9Q4yvxuH5ariwtuPXqWQDIQSsfLzCJJMSy2E/Abn93USUEkZXV39kjoNnFz"
    "n66PLLx7Pz62cvtQagkaMqWKXHsUlPwiJdXF7cXMBJtzGRFH/pSTJsQyhtl1DarJDeUkqS"
    "qcAbTQONaSBhw936DSntqcfuTQBtGNsWTiX0X71jnuqHXoynzbY9bfLb0PqeHnlJ41DW3q"
    "FMr+YISRtFlEkfDPH3JJpo5/pUlDVaMA5o+66FrPGrjS6KPRiNtNOI7UgvUO3ei6Ks0UI7"
    "LUh9rIxDm0YwGP1Po1CTTX30+LDQp8CTCEILMJ6xdvBnZA3stWCvslts9L0st1E087zsGd"
    "S7drFM0TxNwM+JGQ2010DCiTVRQFbK4N8e/zXDWIR/s3tZRrAD77L90UPPncmKPoRZSryp"
    "oovSRtt91raJ5OjdImsiOQbdR3KsuNXqw1WUNutZn9czE/dQ/WLtpwe8iXv4EbVu4h526x"
    "2Wy0zXENK0TJdueAcBqAwwozGDMTREtSBopurGEB0Rp6l7ZHxO3byKPZ2uD0bnpN/WitCc"
    "smW2A2RN5FMR3uQt7wDgg0t4mce3sCY+IrZs3Zc9mpT4t/3YiUaLbgiPDDC71p0c0LJasI"
    "wHftk73GIa/Rp2dqhY2Q70zTxYyZzHAvZh3dXqgN69bcYsRq9hSchi8oJWRyz6SZuaAYuC"
    "69yxS7rS0YNHZBwx/5FnUlS6A0dJAq4cN4oO1Jl6KZdL5mO8mvDJcu64jHAxEfZK1wSRVX"
    "GMW79nwwC5tY9Jl7FT+UCwLiO/TFyWicvq30K55bgs44ffA88+E26y7XATE374xOGH8KGW"
    "VZm6H1ZAIt3nqT5Yzlf9QJsLVRFJWOGtF7U/PF/UbaVDj46+o03zutorLCt5eKhvxQM4yv"
    "9RYbiq9tzJyxnvnczesQvvnfxJs8n7UCZr3oi6PvHGj61fb4Jxxal+IfbTKcO44vyIWq/j"
    "ipO1cNa1D2aljOPIZveGVLbAnbHEPQX2QZo4O7Mac8TbJGByHF917sgUC/hgCsnRNNX4QW"
    "bmirN1QsBUCsEhWTpqTuDoPowrFFrUdZlPlvAnsiEicG0yp/dM11AkCtMYOqpIw3R9A12s"
    "MUqn6EhCI9M+0T/9hAkaLeFjRXibWa7DGUwQO8zmGFuA9A2jeoxaaoh5Lolk1LfmMGqdaV"
    "IfjpJi8lTdcjGtSrh4ghkodZpFn+nyiR6+SLidW1A7LM4YQTAkoLUk62VCR62DX8dEMdeF"
    "ey7FLY+k4DE96qtfdHLN1H1JGFoTFmHUwFESdkSevfrw+bkeO+KmxTFlpX7m+3WhSX0xkG"
    "HVyMfTWZnQrm4zDqa1qVez5MaG3dp3dssqZbY2WPnLKa1emT1bnoi7L/+Qf3Pqglx44w7O"
    "+vCyrhF0kw00D3fjkORuopH7Nqt3bWEwiRCeBvdkp9RkbclKHd7KshW75npX2TQiIydnQg"
    "dM6poeTOcIOn0aaYd6WtSAXgv03mTt2KP9Ss8NsEW7u2Fbql+x/bS712FbjN3d2N2N3b2W"
    "3f0q3hEPSkzuycXhJmu7yDSrZWcPDdw/SXLHVtrkjObcRaB0N0Ntm10K/444Cp0UsXaRrr"
    "+E1YB0caVAWQKW31ITe0d9a+u6HaTKH0n4WYc86Mz09I4lfQUeeYbInhDJlILtwfOw4lFk"
    "tR6TKVa+lSe6fpMWw2JHzCeRJT2sdnTLseel7yh2RMYe9elCjnVLOSQAMoyXeeETsG+AMd"
    "FNYCb5UQWlKGAj5g0c18W0+RLm3hBGH9V/Ij5TfljoQNeIwlJH0SkU7hq9grpoEzTR1nIY"
    "5Npn1LHhgYRCz2IEGAssOb6u7gsTHIssAaa+imgMV1h3YRkljBmx5qk7RkO9C0sucEFcwW"
    "f4iHSKVbFw0Fi9yWX0niEI+EigRzkXMCAseatVyyh06nAvUERP+CH2dE/dgGnq4t5hS3yM"
    "W76ci1g1qPjJCvrg0HwulqHqBdfVnwjI2KirKgrgz4EHk81yPKpjBu6cMPAHnmPwr5r0QI"
    "dcQOIUZUz/+276z8yruue/jNABkgCvahmmX20wTL8qGqbjl7aNp3ks22esB7psSvTFy38j"
    "66D+ug7or6sxf12EnDUKXoma9xnkXtkyHPx24lpQsiHf4GmeFTtAtLvnEMMNSRN2JZEw7r"
    "Sdky6wC27GMa4FjDIOhwFrp45twb7tJUiXAm67f1kL7zRScfTp+upv1+efPzfEfADnM+jR"
    "b7OJ6b7qG5tOmVXxhX0Y+UR6h9BfRhbWZlGKcA6GQzlmduBkbVbohw7QBNKMIAvbH9y60j"
    "20iemnCHBllH9WyCRazofuh1a8JjuURMJsUTrfomSMlU05wYKwyXrdZ/JXZyn3fAFAL5p8"
    "MvJyh+dQsQXX2qBxUYxIxLxDfX6HIgKrwYYgJWF2A/ndwBOmkd6fl6SBw+ITe3ocJKYbkj"
    "RUQ7opO8MPj+gTBULsD5ZbskYi/d8E9kTC4G4yXBifS5Ph4kfWesn5oJjg2+GOnLdzo8+K"
    "mmNgf9RcfLvZN8+B7lqoOSt5gG/3vqu54OP9pAlAzjGQaVCd/iO8PqyT/IOtmz7okvx1Lj"
    "BbBIeRaS/QYZiNY+qLRegVqoT+t+hwXFtSuxNLpLq5xUJ/Vi7IjHo6+4fDdbIMPOn/Qsbo"
    "3jomlrgPHXvjPBXao9jDTaoI5Eg3qvZSTVsN4tsWPFTzWSuyDY1L6JO7hBrzhjFv9B7R9a"
    "pRALTSSJwWOaS88J0ZijUaBTyrOau4vfHhrEFWGafBHpmLcKs0elz6/VwXPeZrB2Gasvw2"
    "slYkROdJ4OEg8DjcMx30GXUdgtYP0J+4nkrPNiCmnEpPPrIdl1NJlrm6n9hEwnxjO//Grt"
    "e/2hueWMAoo3NlmORVW01eZbIoPUHqqnaRP6XCBvh6KfAsvSNpw7zlRA0n0ztOJmuvxCze"
    "rRSdEzWK7rWiM8xOk2W0IHiA55PujYBNUTbgNgD3Cf2c+wb1VrKvaayK4DbOvXYV97OfoD"
    "6YeS09p3qVd037MVwzaodPWXB3yFwfbnJ3CA8tfqrpg+4Ov4VB1UlSL4zzxTM9ZvrS/Unt"
    "oKCrjWDPJzr3lo9icdItLCMPraP7EkcNCforEOq68KPnOhYtqUS/szuju8XNnIV9O1K3Jh"
    "7oAlN/4b9DwtkSi5fooL4jMoY9sYwqqaDLBQaBRX4XUY42lIo6kg68VViwhPqh5+L4lj+b"
    "CDXXaj5Bz4718CQJuK2LuayeH5GvmEgOH4lxTOoGN/BX6P4xC+ujRFVMxig9UnNfBLO5Hl"
    "JUpMXhE/ENBot56W55aWI6PUCdU459U+Ejl6Wii0u/jNdJ/jY4k0gR+OEysi6jnnclMQ4j"
    "fXAYSRTVhs9JpPu8ydHZrbKLQBtqp/v4+fW7UYD/TAiXUV4RbpoSy+E+Abn+AN/F3D67uv"
    "ojcyA7u8jRNZdfPp6dA/IaeGjkqAoWJ71GNj8ZZ2XN0bjXR+Pw29yQrpOlNKmxJ1YZcuO9"
    "TNN3KStp/Pj7/CKZeI0fQ89Pmo7BfAlNPoZtfQg7drM1sarVUO9n1GJVrGpPwpy+sslciL"
    "vKMKfM9eEmu98ybNkkzOmUJxat2AIXVh8WgdLFDySDea1kmBI/yr1IloxQLKqLVYrL6hp3"
    "021SbyFrrsI2BVPVLyX2LCkws78usDDzxRIrCsNgsHiAhY6TWP8X9SfJzLlHg1vg3XK81Y"
    "TNHC7hrmwZDoZqMyLF2gYymPwvs1RUA4Kq2EaJg7pjnsJhaRszmaxOEqtmFIEDV5X+xx5i"
    "PQZd/EDoDiPLp2OHBrywarGug8CxcgEo27lnIUWf1J9AJCOtEwumzVAPCU2IZKJPsioVLB"
    "aaNastekWPl0rTXqbiwDp/qM8sBhLbqXG81c4jpWr7QlS0LlnMH3MfYwPthQ306f3Aevct"
    "3779wBg/d2r8pJb+qDWZ3CkRYxOrNaep54wwBrs0I+4GoLNihwd29/4iJtwx4aWO39Uhpo"
    "7fVTNTeC1n3d07XnDw9fzst6ur3xvuPXTCeCfa/iI9aM2ZTcIItadnCFM7z9pbkkTkACf7"
    "VpZtOH25gpZs/Dbl3F6L7D7i5Wk2I1uJbdm70hTX5+/PL/5x/qHNMtObuhR7YhR+sa0lpe"
    "vcC2g1agDmuv0TQvmiP/CZVOCHST3ptPgVqWwfSKZflc/2AM5C24yqa89OlXZwgCTVIb1f"
    "OZt3w0CvtOgBKvrA2MjM9zJF9jT+cOZkzRe0z2+45wuLSdlK03lZo+m+abonHgYfHECfeR"
    "Rz1ZQ4GKQvDzf5F9i5hg96F1xxRsJQFoVMue1Mp8yXZSS6o0Ny6EQEKkWaRyy5CHzNd/ss"
    "uhTlSuWs6Hmw/VvGcUQSUCTCY5xM4fWIAnui0KQhujRoGh6UsiJ+wNHjgaFTAxm7wqLuOM"
    "7dKu4dm/mhUwNy9VNnFsC009FPGNsk4XIVaV+LlbeZgufeFisfxLlHtnqbVP5Sw8bvOxtv"
    "eOGd8sJ38HRt7a+xbJ95hrA4bbTQt7G+dp/Rz5A6O/Evwe9oE0pnLWBSmHVO88QbmUYUW0"
    "rGqMQwb1efzi+bsm568Z8wS2/Gp7DB7gf/BmoBKMsLZ1d/BLJSh2cZf/nixYs6SEOzaqz1"
    "xRK00dg5KUnguqm4W0bMVHh7TGW9CMo2luqMqLFi9c2KlbVMZ075zQzTGVHDSPRF8XUYCV"
    "N2piu7SGrNDJrm+00kTDa0zdnQAKkisI1zoV0zGKvluI4OMbsO+9xPeB/Mi5bMrYqsaCXL"
    "QQcQf0p62ss14EFcs2tgrzLOFad3CTtU+g5Uc0R+pvkoeg/rUUWWWHjUdyScyMPcb3EiNI"
    "eTP7Giy5Ao8fyInCqyEJggjusISeRgaqWa28I9khDV0sxrit4xHYKKgs8Q/hMSZ814XjsJ"
    "m04rNwvDYOF2cVo6ZIziyFlNZp1gnGrAYRxCMhLRw8R2mE1mAiklHlYh1LGlLTklvzOKx5"
    "Axhozp33q+ZTJG16VaiPKP5wPZdrKiB3h+2pPzUq2DMlxqp+aMoFFyr5WMzjBOWc2uTUtn"
    "IrTDhXP9y96unHoL1MSYvhY4QD61e8LC5FPcOl9tzZl1x0o2t5VhRCkJE5NVTPaK62gjPN"
    "MiBlATpfVj7FL2JBZ0XxIE9igtbu82KYdLgJk0uYe7WDYI00h9LdfBEKWh4WeR+K+/XzOX"
    "Vrj0lAdg7NlLX0WEfN8qdQH4nAWwOS5NmZm6OtxIVkC70SRpWIulCNsPoxouGLKBdcCQTQ"
    "jt7toUf0QwRETfKEziqIgrZvAoJ0QX0iWUWD6KIZsQ9himkJzCc5YzFzu4r2YzXHbP3CRM"
    "ZkklcdlUERrmkgyNU8hbYMpNJDj4mEi60vQHkghJrRzNfkwFDJgwjtkoa3IOlczAHWtUoD"
    "tq3s35/2FWYGen064c1jewAjgHSthdV9CKLeNaIof2FEX2d1UrQ/jD1ZezP87Jp+vz9xef"
    "LyJnuvVHTF/MGrOuz0//yNsCqEctR5VM5w0Yp4UMzHVg9pg/kshIl1gJNgCdFTNQ14Fafw"
    "kamsLXMoZCbJDns/EB5GDPmz/QwWObm+lT5jvWvGwjHV3ZuImmSZuH9s/Vin3EprDMXaTS"
    "slXqLVJi1Io2d/3dEHZi1KreALbIcfvY/LZ9W1x2kk3Ya4Jw1PwA0X1ZNy5oU1hQgW8Tut"
    "ZCEeHqiKCUiEn62TAc6Ek/Zt//Hyay410="
)
