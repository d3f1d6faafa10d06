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
    "WDpPgukzQlUQq+xBGJBsGnARDop7vx52Ahbeb4Jx8CX8kF8wbvyJ8DQRcM/lO4NyQD6rrJ"
    "Hbyg6MTRha10qYmvPGopuD6ljs/gks18y+Ou4lJg6ds5Iy7zfCnIci6JS1f+kNwLuRRksi"
    "IK7vpz6f7FJ9z+mYzZN8U8QZ0Rt8eE+/r+2A8mYyKnhJJJsGIelFXynokTbIAtLWgBF7Md"
    "PCsQ/N8BGyk5Y1AWEfzjX3CZC5t9Y378070fTTlz7AzA3MYK9PWRWrn62pcvl7/8qkvie0"
    "xGlnSChUhKuys1l2JdPAi4fYIyeG/GBPOoYnYKeBE4TqSj+FLYYrigvICtm2onF2w2pYGD"
    "6hv81zQQFmqN2HJBuTjhtn8i2BLg+e+ohanSo9HV9e3o88XtaDQoKB1bktNNdMmSAjsMFw"
    "rx+vN7WG+Ci746wAd8+O385tnL1881EtJXM0/f1KgNvmtBqmgoqrFPwE4ptoj6hzn1ylHP"
    "ieXgh2ZvB/gYrC3AO1jQbyOHiZmaw8+zn37agPc/zm805FBKYy5hWIfj/Sq6dRbeQ+xTWE"
    "NXcRqhHAu0wjdCbw1vXCTBN5mGdg7wy7PTGgBDqUqA9b0swJbHEI4RVUWUf4E7ii9YOdJZ"
    "yRzcdiR6Ev+nTefeN/rwgva1cFZRx9gA/u3lx4vPt+cfP+HjFr7/b0fjd357gXfO9NVV7u"
    "qz1zk9rSshXy9vfyP4k/zz+uoiP0Wty93+c4BtooGSI/gKjaidmgHiqzFqGa0Hrt1S61lJ"
    "o/W+aD3GKKV23XpcMkzvU98xvDCh1v2SevYocyfpHtKzYZlT7BrvI7lff79hDtXIFjtBtN"
    "i7xjoOb8r9Hnf4+GrSDRJ8YOW3YCjwJIQ+hbUcEUbYt+SZrOptxVuLs0X+ChV0pl8Jn41P"
    "yvSnkl3FuqNVbymS/vz4huLrnCpYnuNKniwpvDGs0MkEFv6U20NChU3mckkWgTXHdTxXZE"
    "59uF+2X2hf1Z24E2MsNlpwIb3xkIw9Bgtom8VXtPg46ogjX1EV+HDRgz1IsPCJfGCe3nHo"
    "V4dtRtxlh2TpcaWYIFyEWxZA804AKMKn4fqchnuVSAL+D29hzakAteCNxQkZO9SHhzLojc"
    "JiUVv0NXiDedgMrGIOU2n4aj6hgc11PbzubufPQdI11rvCaPWcWnygFPvmwjTpQ+vXHSnq"
    "JVEPjofeQBeGt9U/vpsNldlQ/VgbqnTLGmCdEzu+zdWL09M6uyssVgl3eDOLt5IKeqies0"
    "tWC3x2KVQ54jnBHOK81rqhd2vrGTbiP/7z7Ozlyzdnpy9fv/3p1Zs3P709fQtldYuLt95s"
    "0Mr7y79eXt1m1YEXclvcwPPgO7Vq0t/TMt1MLPuGPmtKqGNIqDYj5Dt5slJp1sezcrvr4q"
    "dH1b+zK8NmGijKGi2000J2KV4+11yIYKH1cAkNprB0LhkR+Vp2N/sMvlx9Og+Xqw3UAj89"
    "/sDs/O6nnkWzlkFzgz0zPxMtmKK4zizi/7fP11flYyAtkzdocUuR/yMO97c2ClLr+EnAHc"
    "WFf4KP3ccaHjHK2LJiqJ99PP+fvBY+/P36fX6xjxW8z6kEdqJ+6WqzclJKSexuNnqx3dno"
    "7MWrN6/evnz9aj0Jra9smnuK80xm690A1ILc0Uz03UKLFowmK8WM0A4n621ND9kZ+vWrGj"
    "P061eVMzTeMoTTcVMPhnD6EbVeRThld94Zo21dc2pO7Al21Z6ZnNqbTws0XhHkIsK/So/x"
    "mfidrQqbjnJGKu2gdZDIFigpuOzR5drAn+9aAAG8OFMahBvo7jeXH25DWuAxjnTXHGDfpq"
    "1aRCl76Ayii4cjw2mbZGncrUro0lSPqyZM3VShRxnTj1KwFaH+PbPJVHpDMoc2Domi90xo"
    "anDGQXcE32yIrKM2NRHQj/KRHARpEptbixxql5Ujq4o+nKFxRUsjS6kt7b4mLT/Dc132F3"
    "9IYI5AvnOyImOfeQ/cYv4JyrEx1OmsTmJCduQyYUNbY1qWw2MDj8ileIeV3wk/WGBDwtJ+"
    "yKbio2B+h3rhEdgMIRVZMUVsZnGb2VC7RV0VeGw0YfDWTNe7nMOL4uuThQYFLnkweVE/bC"
    "e8MXOm8JLjBYNxZCNpLNg3NQpp3TRLyzxPU8jIFgvq+nOpopbNpYOtIRZ0QehUiwnzogYS"
    "n8ECXLXibjMLd5h5n0LZ4vSSqju7POy2brqQgVCJabTb2hMT3zbxqebNO3+UdjUw/Pzx8f"
    "MOTLH4kSj5jksJE5CosIykxHLYT0DucL/lpSTB9fXfM7uy95c5yuDqy8f3FzfPXmgNQCGu"
    "KpiEpzEIe2EOLq8uby9hw9mYPIg/uCRp9v5JhPjbG35H2yqiWMsOFXL+5fb64/nt5YemCt"
    "GLjPX6Qi+z2ijlxes6zhR500TKleJ1Xik+U4E7mgYa08CHdW/rEVJaU49dWgDaMLwo7Ero"
    "QnjPXNUPvRjvim17V+SXofXZ/bykcSJq70SkZ3OEpI0iyqSPhn/biybaubsUZY0WjNPRoW"
    "sha4Nqo4tiDUYj7TRic98NVLtxUZQ1WminBV9vK0exNx00Rv9pFF6wqY4ebxb6FGwQQWgB"
    "xjPWDv6MrIG9FuxVdouNLpDlNopmDpA9g3rXno4ptqUJ+Dkxo4H2GkjYrSYKyEoZ/Nvjn2"
    "Utizp4xMGvIN2Bu9fhaKTn3l1Fpz7jbN+7AWic7QfdO9uvhNXKdbUobeazPs9nxjW9emAd"
    "ppOycU3/EbVuXNN36zmUSxzVENK0TJcuWkcBqB9gwlEGbWiIakHQdNWNURQyziL1xBCKum"
    "nPetpdHw2gSI/WiuiJsmm2A2RNcEoR3mSUdwDw0eWjy+NbmBOfEP6zrsseTUp8n37sPIBF"
    "ivqJMUA3upIjmlbznDFsIF0YnbxsIDcB6pd1Vasj6k/bDJWKulZJpFTS6aoDpbykTM04KS"
    "l0OsQlXemgpRMyjpjOyBMjyhaPrSSBUNyJgpJ0ckgq/CXzmD0k0iPLOXcYEXIi7ZVOQ+9X"
    "hU9t/ZkNA4LWnHqXsSL5wJcuI11MHIqJQ+nfRLnlOBTjd9wDTybjXr9t93oTbrXncCv4UP"
    "tV2WgfV0Ai3eeuPljOV/1AW0hVETlV4Z0UlT8+37ttpfydUu6gG8umfl2OdVHy+FDfisej"
    "h3ntfFVhjKn2RsnLGY+UzNqxC4+U/E6zyXgokzUjoq4PsPHN6tdIMO4l1QPiMB0NjHvJj6"
    "j1Ou4lWQtnXftgVso4Q2ym7FNJynbGfPYU2Eepz2zPasx7bpOAuXYR8PC9i4d7rW8ONx7w"
    "lSn2KBNzjVnhqOPok7Hu2Qozy+lUcYtA6WqGOt3GUnr3eCwXdh/bD9PPYTI0nVsuUJaE6b"
    "fAuHRYtz4FzA5S2d98uKypF50RhN6zpK7AJc8Q2XfEZ0o5zH4eJnyjSrGFq8Zkiom//Xc6"
    "fV14Opd0bOZhcjr8FSZ7uxNYMx4Rxk7weDGPLvyxLukP8exjaC9zwzdg3wBjootAT/KiBH"
    "IRcbSkvqaLuONguhIf+t4QWh+lvyMeU94qOhT5TuARZCTaisFToyGoc9ZxPLnMU9jIte2K"
    "2/BCUqGFEwEGiSn3dHJz6OAU3hQw9VR4iJnlSOue0Ck0ELkra556YtTU+zDVjZDEkWKGr0"
    "inmBQQG42Z+BxGHxiCgK8k9BnPnj6qba5VyyhUyoUbKKI7/BBreqBOwHSOwAfOlvgadwKP"
    "jI5Ug4qfrKAOAcXnchmqXh8rDfCAjI26qmLW/hi40Nks7lLNXdzzkICE9xj8qybr1iHPlm"
    "zODMF26ARbpl/V3aRnhPpsg21LN9SyEr7cYCR8WbQRxoO2jcU7lu0z1gOdrir64rUxfL+q"
    "A/qrasxfFSFnjUi0qHifQe6TvWnK8duJc0HJgnyDxTsrdoRod3+CRrggaWLYSySMWa9zsx"
    "6sgpuFm68FjDI6V0a0i2jIM2SlzCE+j05BOhN62/XLWninHhOjTzfXf725+Py5IeYDPKN7"
    "Sr02i5jus22y6ZRZFV/Yx5FPpHcI/VVkYW3mLQH7YNiUo4epIGuzQj90gCaQZixmWP7o5p"
    "XuoU1MP0WAK70Ns0ImiUHxZFK04jVZoSQSZonS+RIlY6xsygkWhE1Gif6wgEXyV2cAcT0J"
    "QC+afDLycsfn9NL9mtQOGiecikTMGOrzGIoIrAYLgpSEWQ3kVwN7TNFwOIOkQYaGPXt6HC"
    "WmG5xFqyHd5CX6wyPaOCemSYfZiTUS6f8msCcSBnfjaWt8Lo2n7Y+s9TqetlMuuD9vpfac"
    "qNkG9kfNxdHNvrkcqmuh5qzkEY7uQ1dzwcd7P47ImYPGS3yR8weRP3p89og91D5E++tcEm"
    "tOBR46jezXEP5dDcnUk4vQK1RJ/bfocFxbUrsT+0h1C4uF/qxCkhl1yZKrOcfjtIne6f9M"
    "xujeOiaWfAgdexnRrxJ6FLu4SJWBP9KFqr1U01aD+LEFD9V8MphsQeMSuneXUGPeMOaN3i"
    "O6njUKgFYaidMix5SfpjNDsUajgGc1ZxWXNz6cNcgq4zTYI3MRLpVGT0sDlKuix3ztIDld"
    "Z//JaGAj8DTcMxX0GXUdgtYP0Pec161nCxCT1q0nH9mO07pVHUFW/YmtPnbMfGOfHiURz3"
    "+1FzyxgFFG58pYh8s39QPJyZltaGmuK20ra5fqKi3a4+VMnyIP10nC2kT+lAob4GsBLy29"
    "ImnDvOVEDSfTO04ma6+00JbfRtE5UaPoXis6w+w0mUYLgke4P+neCNgUZQNuA3DNUXTmwL"
    "Q+ZF6rcWDaftwdtB/DDaN2+JYFd4fM/eEmd4dw0+Klij7q7vBbGFSdJPXCOF/c02OmL12f"
    "rx0UJowJgjW/07m3PBSLk27hcTZQOnou4WpI0F+BUMeBi67DLVpyIs7OnozuFrdzFtbNfV"
    "2auKALTP2Ff4dEsCXsOogO6jshY1gT+9IbR3nRCAaBRX4XUY42lIoq8jmMKjzHh3qh5+L4"
    "TjybSDXXan6Hnh3r5vkkEJjpDZr9/IR8xURy+EpMYFI3eIC3QvePGVlQGxqnrWCYuozCqJ"
    "57MpjNdZO40G3gYiK/QWMxL92dKE1Mpxuoc8qxbyp85bJUdENCda3jdZK/Dc4kvgy8cBpZ"
    "H+eSdyUxDiN9cBhJFNWGz0mk+7zI0dmtspNAG2qn+/h5c0LSTk9ISs+RzXfGWVmzNe711j"
    "j8Njek6/xSmtTYE6sMufFapulYykoaP/4+DyQTr/Fj6Hmv6RjMl9DkY9jWh7BjN1sTq1oN"
    "9WFGLVbFqvYkzOkrm8ylvK8Mc8rcH26y+y3Dkk3CnM5FYtGKLXBDHX8kA6UPP/AZ9Gvlhy"
    "nxo9yLZMkI9ZguB4WKRr1uqk3OW8iaq7BMwVT1c4k9y5eY2V8fsDDz8GxsMobG4OEBFjpO"
    "+kRJ1J9PZvwBDW6BeyfwURM24wJP2mbLsDFUmxEpnm3gB5P/ZZaKzoCgKrZRYqPumauwWd"
    "rGTCard4lVM4rAgbtK/wmP79aHH0hdYWT55HZowENLGwvPQRB4cgEomz+wkKJPzp/Qp4iH"
    "WicWdJuhbhKaEMlE72RVKlgsNGtWW/SKHi+Vpr3MiQPr/KEesxhIdHTGd+Fcgy1WHilV2x"
    "dCGDo6BN3YQHthA92/H1jvvuXbtx8Y4+duj4e39EetSedOiRibWK0+TV0+whjs0oy4G4DO"
    "ih0f2N37i5hwx4SXOntbh5g6e1vNTOG9nHX34HjBwdeL979dX//ecO2hE8bzaPmL9KA1Zz"
    "YJI9T2zxCmVp61lySJyBF29q1M27D7ciQtWfhtyrm9Ftl9xMt+FiNbOm/8wI6muLn4cHH5"
    "j4tf2kwzvTmX4kCMwqfbmlK6zr2AVqMGYK7L7xHK0/7AZ1KBHyf1pNPiV6SyfSSZflU+2y"
    "PYC20zqq49O1VawRGSVMc0vnI274aBXmnRI1T0kbGRme9liuxp/OHMyZovaJ9HuOtJi/l+"
    "K03nZY2m+6bpnngY/MIBfeZSzFVT4mCQvj3c5F9g5wo+6l1wLRgJQ1kUMuU2n06Z55eR6F"
    "yH5NCJDFSKNI9Ychl4mu/2WHQrypUqWNHzYPuPjOOIfECRSJcJMoXhEQX2RKFJQ3Rp0DQ8"
    "KGVFvECgxwNDpwYydqRFnXGcu1U+cJt5oVMDcvVTPgug2+noJ4xt8uF2FWlfi5W3mYL33h"
    "YrH8S5R7b6mFT+UsPGHzobb3jhnfLC9/B2be2vsWyfeYbwcNpoom9jfe0+o58hdXbiX4Lf"
    "0SaUzlrApDDrnOaJFzKNKLaUjFGJYd6uP11cNWXd9OQ/YZZejE9hgd0P/g3UAlCWH5xd/R"
    "HISh2fZfzF6elpHaShWDXW+mYJ2mjsnJQkcN10uFtGzJzw9pST9SIo21iqM6LGitU3K1bW"
    "Mp3Z5TczTGdEDSPRF8XXYSTMsTNd2UVSc2bQNN9vImGyoW3OhgZIFYFtnAvthkFbLe5wHW"
    "J2E9Z5mPA+mhct6VsVWdFKpoMOIP6U1HSQc8CjuGbnwF5lnCt27xJ2qHQMVHNEXqb4KBqH"
    "9agiSy5c6nEfduRh7rc4ERoX5A880WVIlHx+Qs4VWUhMECd0hCRyMLVSzW3hGUmIamnmNU"
    "XvmQ5BRcFnCP87EmfNeF47CZtOKzcLw2DhcXFaOmSM4shZTWa9wzjVQEA7pM9IRA8TmzOb"
    "zCRSSiI8hVDHlrbklLzOKB5Dxhgypn/z+ZbJGH0u1UKWfzwfybaTFT3C/dOB7JdqbZThVj"
    "s1ZwSNknutZHSG4WVndm2aOhOhHU6c6ysHO3PqJVATY/pa4Aj51O4JC5NPcet8tTVn1j0r"
    "WdxWhhGlJExMVjHZK86jjfBMixhATZTWj7FKOZBY0ENJENijtLi9W6QcLwFm0uQe72TZIE"
    "wj9bVcB0OUhoa/j8R//f2GObTCpac8AOPABn0VEfJ9m9TFOfO4NR+U8BXRneEmkoImZR4j"
    "JqpheNx23sjCXfkxLjVwl3yHo0nhaZbtbX4cOvkOV1uyW6TlempKrr4NxZ0kQHObIBwVP0"
    "J0X9R1ZdzkyVgwEUidHraIcLUTY0rE5Clq6MG41/jM7/8PrOrRJw=="
)
