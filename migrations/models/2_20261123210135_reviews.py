from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        ALTER TABLE "payment" ADD "capture_before" TIMESTAMPTZ;
        ALTER TABLE "operation" ADD "review" JSONB;
        ALTER TABLE "webhook_event" ADD "source" VARCHAR(16) NOT NULL DEFAULT 'WEBHOOK';
        COMMENT ON COLUMN webhook_event."source" IS 'how it first reached us';

        -- What follows is written by hand: aerich cannot express it.

        ALTER TABLE "webhook_event" ALTER COLUMN "source" DROP DEFAULT;

        -- An operation that a person should look at is open as well: it has its turn, and its payment waits for it.
        ALTER TABLE "operation"
            DROP CONSTRAINT "operation_open_is_due",
            ADD CONSTRAINT "operation_open_is_due"
                CHECK (("state" IN ('IN_PROGRESS', 'UNRESOLVED', 'NEEDS_REVIEW')) = ("due" IS NOT NULL));
        DROP INDEX "operation_one_open_for_payment";
        CREATE UNIQUE INDEX "operation_one_open_for_payment" ON "operation" ("payment_id")
            WHERE "due" IS NOT NULL AND "refund_id" IS NULL;
        """


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        UPDATE "operation" SET "state" = 'UNRESOLVED' WHERE "state" = 'NEEDS_REVIEW';
        ALTER TABLE "operation"
            DROP CONSTRAINT "operation_open_is_due",
            ADD CONSTRAINT "operation_open_is_due"
                CHECK (("state" IN ('IN_PROGRESS', 'UNRESOLVED')) = ("due" IS NOT NULL));
        DROP INDEX "operation_one_open_for_payment";
        CREATE UNIQUE INDEX "operation_one_open_for_payment" ON "operation" ("payment_id")
            WHERE "state" IN ('IN_PROGRESS', 'UNRESOLVED') AND "refund_id" IS NULL;
        ALTER TABLE "payment" DROP COLUMN "capture_before";
        ALTER TABLE "operation" DROP COLUMN "review";
        ALTER TABLE "webhook_event" DROP COLUMN "source";"""


MODELS_STATE = (
    "eJztXe9z27jR/lcw+tLcjF6P4/iSvGmnM07O13OvsTOO03R66UgQCVl4TQE8ArSiuTf/e3"
    "dBSvwtkzQlUwq+xBGJBcFnAXCxz2Lxx2AuXeapo3eh0nLOgsEb8sdA0DmD/xTuDcmA+n5y"
    "By9oOvFMYSddaqJ0QB0N16fUUwwuuUw5Afc1lwJL38wY8VmgpCCLmSQ+XaohuRNyIchkST"
    "TcVTPp/0kR7v6ZjNlXzQJBvRF3x4Qrc3+swsmYyCmhZBIuWQBltbxj4ggb4EoHWsDF7Q6e"
    "FQr+e8hGWt4yKIsI/vYfuMyFy74ytfrp342mnHluBmDuYgXm+kgvfXPt06eLn342JfE9Ji"
    "NHeuFcJKX9pZ5JsS4ehtw9Qhm8d8sEC6hmbgp4EXperKPVpajFcEEHIVs31U0uuGxKQw/V"
    "N/jLNBQOao24ck65OOKuOhJsAfD8NW5hqvRodHl1M/p4fjMaDQpKx5bkdBNfcqTADsOFRr"
    "z++BbVm+Birg7wAe9+Obt+9uLlDwYJqfRtYG4a1AbfjCDVNBI12CdgpxRbRP3djAblqOfE"
    "cvBDs7cD/AqsLcA7mNOvI4+JWz2Dnyc//rgB73+eXRvIoZTBXMKwjsb7ZXzrJLqH2Kewhq"
    "7iNUJ5JdAK3xi9NbyrIgm+yTS0c4BfnBzXABhKVQJs7mUBdgKGcIyoLqL8E9zRfM7Kkc5K"
    "5uB2Y9Gj1X/adO6nRh9e0L0S3jLuGBvAv7l4f/7x5uz9B3zcXKnfPYPf2c053jkxV5e5q8"
    "9e5vS0roR8vrj5heBP8u+ry/P8FLUud/PvAbaJhlqO4Cs0om5qBlhdXaGW0Xrouy21npW0"
    "Wu+L1lcYpdRuWo8mw/Qu9R3DCxPq3C1o4I4yd5LuIQMXzJxi13gby/386zXzqEG22AliY+"
    "8K69i/KffbqsOvribdIMEHLL85Q4FHIfQhquWAMMK+JU9kVW8r3pqfzPNXqKC35pXw2fik"
    "TH8qWVWsO1r1kiLpzw8vKD7PqAbzHC15sqDwxmChkwkY/pS7Q0KFS2ZyQeahM0M7nmsyow"
    "rul60X2lf1RXwRYyw2mnMhg/GQjAMGBrTLVleM+DjuiCOlqQ4VXAxgDRLOFZH3LDArDvPq"
    "sMxYddkhWQRcayYIF9GSBdD8IgAUoWhkn9NorRJLwP/hLZwZFaAWvDE/ImOPKngog94oHB"
    "a3xVyDN5hFzcAqZjCVRq+mCA1dburhdVc7fwySrrFeFcbWc8r4QCn21YdpUkHr1x0p7iVx"
    "D14NvYEpDG9rfnyzCyq7oPq+FlTpljXAOid2eIur58fHdVZXWKwS7uhmFm8tNfRQM2eXWA"
    "v89kLocsRzgjnEeS27oXe29S024n/+9+TkxYtXJ8cvXr7+8fTVqx9fH7+GsqbFxVuvNmjl"
    "7cXfLi5vsurAC7klbhgE8J1aNunvaZluJpanhj7rSqjjSKh2I+Q7eWKpNOvjWbnddfHjg+"
    "rfWcuwmQaKslYL7bSQNcXL55pzEc6NHi6gwRRM55IRka9ld7PP4NPlh7PIXG2gFvgZ8Hvm"
    "5lc/9TyatRyaG/yZ+ZlozjRFO7OI/98/Xl2Wj4G0TN6hxR1N/p94XG1tFKTs+EnIPc2FOs"
    "LHPoUNjxhlfFkrqJ+9P/tXXgvv/nH1Nm/sYwVvcyqBlagqtTYrJ6WUxO5mo+fbnY1Onp++"
    "On394uXpehJaX9k09xTnmczSuwGoBbmDmei7hRY9GE0sxYzQDifrbU0P2Rn65WmNGfrlae"
    "UMjbcs4XTY1IMlnL5HrVcRTtmVd8ZpW9edmhN7hF+1Zy6n9u7TAo1XBLmI8M8yYPxW/MqW"
    "hUVHOSOVDtDaS2QLlBRcDuhi7eDPdy2AAF6caQPCNXT364t3NxEt8BBHumsOsG/TVi2ilN"
    "13BtH5/YHhtE2ydNWtSujSVI+rJkz9VKEHGdP3UrAloeqOuWQqgyGZQRuHRNM7Jgw1eMtB"
    "dwTfbIiso3E1EdCPVkgOgjRZuVuLHGqXlSOrijGckXPFSCNLaTztypCWH+G5PvuTGhKYI5"
    "DvnCzJWLHgnjtMHaEcG0Od3vJoRciOfCZcaOuKluXw2DAgciHeYOVfhArn2JCotIrYVHwU"
    "zO9QLzwCmyGkJkumicsc7jIXaneor8OAjSYM3pqZehczeFF8fTI3oMAlD74UUHjOYOC4yB"
    "IL9lWPIh43TcuyIDCcMdLDgvpqJnXUlC9iJj18PnGg00E3mk9YEDeJKAYmt27F1mZMdZhr"
    "H0PS4oSSqjtrEHZbN53LUOjEGdpt7YlTb5v4VDPlnT/KBBdYRv7wGHkPJlX8LJR8uaX0GB"
    "UVvpCUWA77Ccjt79e7lBa4uvpHZh329iJHElx+ev/2/PrZc6MBKMR1BXfwOM7gSbiCi8uL"
    "mwtYYjamC1afWJI0++lpg9XXNvqQtlVEsZYdKuTs083V+7Obi3dNFWLMirVFYQyrNkp5/r"
    "JO+ETeGZEKnniZV4piOvRH09BgGiqwdFuPkNKaehzEAtBGG4qiroRBg3fM1/3Qi42n2HY8"
    "Rd4Mrc/n5yVt2FD7sCEzmyMkbRRRJn0wjNuTaKJdgEtR1mrBhhntuxayXqc2uijWYDXSTi"
    "MuV36o242LoqzVQjstKLOsHK3i56Ax5k+jDQWb6ujxYqFP2wtiCB3A+Ja1gz8ja2GvBXuV"
    "32Jj0GO5j6JZyGPPoN51bGOKbmkCfk7MaqC9BhJ6q4kCslIW//b4Z3nKog4eCOkrSHcQ4L"
    "U/Gul5PFcxjM+G1/duANrw+kH34fVL4bQKVi1K2/msz/OZDUavHlj7GZZsg9G/R63bYPTd"
    "Rg7lUkU1hDQt02WI1kEAqkJMMcqgDQ1RLQjarrpx34Rc5Y165KaJuonOetpdH9wykR6tFf"
    "slyqbZDpC121GK8CajvAOADy4DXR7fwpz4iA0/67rc0aQk9un7zvxXpKgfuevn2lRyQNNq"
    "njOGBaQPo5OXDeQmQP20rmp5QP1pm5uj4q5Vsjcq6XTVW6OCpEzNnVFSmASIC7o025SOyD"
    "hmOuNIjDg/PLaShEJzL96GZNJBUqEWLGDukMiALGbcY0TIiXSXJvG8qtowtfVnNtwQtObU"
    "u9wrkt/40uVOF7sPxe5D6d9EueV9KDbuuAeRTDa8ftvh9Xa71RNvt4IPtarKP/uwAhLpPn"
    "f1wWK27AfaQuqKnVMV0Ulx+cOLvdtWkt8p5R6GsWzq1+VYFyUPD/WtRDwGmMlO6QpnTHU0"
    "Sl7ORqRkbMcuIlLyK80m46FM1o6IujHANjarXyPBhpdUD4j9DDSw4SXfo9brhJdkPZx1/Y"
    "NZKRsMsZmyT6Ul2xnz2VNgH6Q+sz2rMe+5TQLmykfAo/cuHue1vjnceKRXptiDTMwV5oGj"
    "nmfOwrpjS8wlZ5LDzUNtqhmadBsLGdzhQVzYfVwVJZzDZGgmm1yoHQnTb4Fx6bBuc+6XG6"
    "byvSm4bKgXkxGE3rGkrtAnzxDZN0QxrT3m/hBlfKNas7mvx2SKqb7VG5OwLjqPS3ouCzAd"
    "Hf6Kkr19EVgzHgrGjvBAsYDO1diUVEM87Rjay/zoDdhXwJiYItCTgjiZXUwcLagydBH3PE"
    "xXoqDvDaH1ccI7EjAdLONjkL8IPHSMxEsxeGo8BE3SOo5nlQUaG7n2XXEXXkhq9HAiwCAx"
    "5YFJZw4dnMKbAqaBjo4tczzp3BE6hQYid+XMUk+Mm3oXpboRknhS3OIr0immAcRGY+49j9"
    "F7hiDgKwlzqnNgDmebGdUyCpVy4YeamA4/xJruqRcykxXwnrNFrD8Jz41Ug4qfLKEOAcVn"
    "chGp3hwkDfCAjIu6qmLWfhv40Nkc7lPDXdzxiICE9xj8pybr1iHPlizOLMG27wRbpl/VXa"
    "RnhPrsg21LN9TyEr7Y4CR8UfQRrgZtG4/3SrbPWA9Muqr4i9fG8X1aB/TTasxPi5CzRiRa"
    "XLzPIPfJ3zTl+O3EuaDEIN/g8c6KHSDa3Z+ZERkkTRx7iYR163Xu1gMruNl287WAVUbnyo"
    "hXEQ15hqyUPbbnwSnI5D5va7+shXcaMTH6cH31t+vzjx8bYj7AU7mnNGhjxHSfbZNNp8yp"
    "+MI+jHwivUPoL2MPa7NoCVgHw6IZI0wFWbsV+qEDdIE0YzGj8gc3r3QPbeL6KQJcGW2YFb"
    "JJDIpnkaIXr4mFkkhYE6VzEyXjrGzKCRaEbUaJ/rCARfLXZADxAwlAz5t8MvJyhxf00r1N"
    "6oaNE07FInYM9XkMxQRWA4MgJWGtgbw18IQpGvZnkDTI0PDEkR4HiemGYNFqSDdFiX73iD"
    "bOiWnTYXbijUT6vwnsiYTF3Uba2phLG2n7PWu9TqTtlAuuZq3UnhO1y8D+qLk4utlXn0N1"
    "LdSclTzA0b3vai7EeD9NIHLmaPGSWOT80eMPHpg9Yve1j83+PJPEmVGBx0wj+zWEf5dDMg"
    "3kPIoK1dL8LQYc15Y04cQKqW7hsCieVUhyS32y4HrG8QBtYlb6fyZjDG8dE0feR4G9jJhX"
    "iSKKfTRSZahGplB1lGraa7B6bCFCNZ8MJlvQhoQ+eUiodW9Y90bvEV3PGgVAK53EaZFDyk"
    "/TmaPYoFHAs5qzWpW3MZw1yCobNNgjdxGaSqPHpQHKVdFjvnaQnK7z9MloYCHwONwzFfQZ"
    "dbMFrR+gP3Fet54ZIDatW08+sh2ndas6gqz6E1t97Jj9xj5+l8Rq/qtt8KwErDI6V8Z6u3"
    "zTOJCcnF2Glua6Mr6ydqmu0qI9Nmf6tPNwnSSszc6fUmELfC3gpWMskjbMW07UcjK942Sy"
    "/koHffltFJ0TtYrutaIzzE6TabQgeIDrk+6dgE1RtuA2ANceRWcPTOtD5rUaB6Y9TbjDZz"
    "aZSXlXGe6QuT/cFO6wiEo2CXc4E3FEQSqx19DEIchQmyRoijkB0ypKjRXvwSYLRmjATDko"
    "VIyF6KbaJO9aNoMalqGKcEHG67x0YzxMJ5z8H3N0nObLZPCCNihT/o75GiVMNyCT5Zskj1"
    "lMksNdDX++CB4dsYPRFtJUCGVw+zN3o+RvGFnBolRlYkNysJKV5PoElI35wdb78sFoYyDR"
    "0dk5uXxhMVhYKG5pR+f/2HiRPsSL9MAF0rcvxQ6W4vZkpN2ejOQ4SIQ16dwpEeteqtWnqc"
    "9HGH5YmgxiA9BZscMDu/ulko30SVKanLyuk9Pk5HV1UhO8l/NQyzAoi02rmS5pLb3DBDKf"
    "z9/+cnX1a0Pbw+RK4pgIN1CaBJgal7mk3TlTW8jbk1ietU2SROQAO/tWpm1Y1XiSlhh+m9"
    "LNrEV2T/Y+jTGypaN29iwr2/X5u/OLfzY/xq5XKdn2JD/F8bamlI7Djm0al8PklkxKo4o0"
    "BA8kQqrKRXAAxvw2IyLa74IvrcByt70eXzmnbUOSPi16gIre0/3vdbIe+IF0mFKtFJ+XtV"
    "/Qvo3wnmyN/okD+synGH1eQhWmbw83MYVurmCtk5pwb/JtdHKQy6dTFqgyzo2bhMF0IkP9"
    "Jn1WkOHUZBiYE5SC9ak/0e5nUXGA03YfifzizYwRcwqR9JkgUxge+EQeHTEU4JFAsMhh9y"
    "wgoJQlCUKB3CVDepKMPelQb7zajS3xvKAgoieRPJzy2xC6HXKg5nAiBber6MJafKDLNLz3"
    "lvhAeLOY7NnqYzo6/MiSjH0gGS3dtVO66+APK1qkJvo2TqXu9+hZX/VOaHP8jjbxVK8F7K"
    "akzr3XK0OmEXOQkrEqsYTC1Yfzy6Zkgpn8J8wxxvgUDOx+0AqgFoCy/CiMTScZpaUOz1/6"
    "/LjWaYxYrBrr4+J5jAY3dIFNSrZkb0rXmhGzOVsfkys3hrKN/zIjar1YffNiZfi97Cq/Ec"
    "+XFbV+6r4ovpaf2iaS6z6RXNh0B38iYfc3bd7fBEgVgW28u+maQVsd7nGzWeQ6qnM/4X1w"
    "p1PStyr2OZVMBx1A/CGpaS/ngAdxzc6BvdpDVuzeJexQ6Rio5oiCTPFRPA7rUUWOnPs04A"
    "pW5Mh+3LNgGVE5XJDfMEfbkGj5wxE502QOs4EhW5Bz8ZkYEkx2S6jnkYD5HneoKueGOn5G"
    "stnM0EpMECXnbCLdJZnTJdH0DkmfSPAZwv+GrPKW/5DbnzbFfJa4ta1sj5oGDRrKCB7nhI"
    "GSMWO02gNnyKw3hCLVBO2QipGYHiYuZy65lUgpiSivsNmK1pJTCjqjeCwZY8mY/s3nWyZj"
    "TKbJuSz/eD5w3kFW9ADXT3uyXqq1UIZb7dScEbRK7rWSMRiGl2Xh3DR1JkI7nDjXV/Z25j"
    "QmUBNn+lrgAPnU7gmLyKhsgm8icXhExVb4amfGnDtWYtxWbjVJSditJvkJIZpHG+GZFrGA"
    "2r0734eVsidb3PblCOasE6TZxpy05AHa9gdMgNmDCg93smywTSP1tVxvhuCs5ACMt7H4z7"
    "9eM49WhPSUb8DYs0FfRYR82yZ1ccYC7swGJXxFfGe4iaSgSZmHiIlqGB72nTfycFd+jEsd"
    "3CXf4XhSeJxne5sfh06+w9We7BbZhh6baahvQ3EneZ38JgjHxQ8Q3ed1Qxk3RTIWXATSZJ"
    "MsIlwdxJgSselXGkYwPun+zG//BUPL/eM="
)
