/* The protocol by which one idempotency key moves money once, small enough to be explored whole.
 *
 * docs/model.md says in words what stands here; the names of code stand beside what they became. Each `#ifdef` takes
 * one rule of the protocol away, or one assumption about the world. What is compared with the code by a test stands
 * between lines that begin with "BEGIN" and "END".
 *
 * One key refunds a part of a payment (the act that Stripe would do twice), or, with -DPAY, creates an intent and
 * confirms it. Two servers do what requests, retries and the janitor do; a watcher does what webhooks and the poller
 * do. FAULTS of them, of any kind and in any mixture, happen at any moment; CALLS times the client asks.
 */

#ifndef FAULTS
#define FAULTS 2
#endif
#ifndef CALLS
#define CALLS 2
#endif
#ifndef KEYS
#define KEYS 1
#endif
#define SERVERS 2
#ifndef GENERATIONS
#define GENERATIONS (FAULTS + 2) /* a new one needs a fault */
#endif

#ifdef PAY
#define STEPS 2
#else
#define STEPS 1
#endif
#define KEY_AT_STRIPE(k) ((k * STEPS + row[k].step) * GENERATIONS + row[k].generation)

/* BEGIN OperationState */
#define IN_PROGRESS 1
#define SUCCEEDED 2
#define FAILED 3
#define UNRESOLVED 4
#define NEEDS_REVIEW 5
/* END */

/* BEGIN verdicts: what a step came to, and the states that it may leave (services.money.operations.outcomes)
 *   DONE      SUCCEEDED FAILED IN_PROGRESS NEEDS_REVIEW
 *   FAILED    FAILED
 *   UNKNOWN   UNRESOLVED
 *   NOT_DONE  UNRESOLVED
 *   ABSENT    IN_PROGRESS
 *   REVIEW    UNRESOLVED NEEDS_REVIEW
 * END */
/* BEGIN writers: all that sets an operation's state. Outside the model: registering an order moves no money, nor
 * does what is done already (ends.end_without_step); a customer's operations move none (customer_steps._record_under_locks); once
 * the customer is made at Stripe, the creation of the payment or the setup begins (ends.begin_after_customer); a payment that Stripe was never told of is cancelled (ends.end_unsent); a person
 * who has looked settles, or has it looked at again (manual_review._record_ruling). In the model: outcomes._apply, ends.advance,
 * ends.leave_open, ends.call_a_person, ends.succeed, ends.fail.
 * END */
/* BEGIN steps: capture and cancel end an intent that we hold, as a confirm does; Stripe does each of them once. A charge
 * makes what moves money by one request, as a refund does: what is shown of a refund's key holds for a charge's. Steps on
 * customers move no money and may be sent again at any time; nor does an update, which sets an unconfirmed intent's amount.
 *   inside   REFUND CREATE CONFIRM
 *   outside  CHARGE UPDATE CAPTURE CANCEL CUSTOMER DEFAULT DETACH SETUP
 * END */
#define V_DONE 1
#define V_FAILED 2
#define V_UNKNOWN 3
#define V_NOT_DONE 4
#define V_ABSENT 5
#define V_REVIEW 6

/* What is known of a refund or a payment, as classes that move alike. */
#define NEW 0
#define OPEN 1
#define GOOD 2
#define BAD 3
#define UNSURE 4
/* A refund that a bank wants more for, after it had succeeded, and one that is cancelled move otherwise: they come days
 * after the answer, by a look, and change nothing of what is sent. */
/* BEGIN RefundStatus
 *   NEW      INITIATED AWAITING_APPROVAL
 *   OPEN     PENDING
 *   GOOD     SUCCEEDED
 *   BAD      FAILED
 *   UNSURE   UNKNOWN
 *   outside  REQUIRES_ACTION CANCELED
 * END */
/* BEGIN PaymentStatus
 *   NEW     INITIATED
 *   OPEN    REQUIRES_PAYMENT_METHOD REQUIRES_CONFIRMATION REQUIRES_ACTION PROCESSING REQUIRES_CAPTURE
 *   GOOD    SUCCEEDED
 *   BAD     CANCELED
 *   UNSURE  UNKNOWN
 * END */
#define FORWARD 0
#define REPEAT 1
#define LATE 2
#define CONFLICT 3
#define COLUMN(new, a, b, c, d, e) (new == NEW -> a : (new == OPEN -> b : (new == GOOD -> c : (new == BAD -> d : e))))
#define f FORWARD
#define r REPEAT
#define l LATE
#define c CONFLICT
#ifdef PAY
/* BEGIN PAYMENT_TRANSITIONS */
#define FROM_NEW(new)    COLUMN(new, r, f, f, f, f)
#define FROM_OPEN(new)   COLUMN(new, l, r, f, f, f)
#define FROM_GOOD(new)   COLUMN(new, l, l, r, c, l)
#define FROM_BAD(new)    COLUMN(new, l, l, c, r, l)
#define FROM_UNSURE(new) COLUMN(new, l, f, f, f, r)
/* END */
#else
/* BEGIN REFUND_TRANSITIONS */
#define FROM_NEW(new)    COLUMN(new, r, f, f, f, f)
#define FROM_OPEN(new)   COLUMN(new, l, r, f, f, f)
#define FROM_GOOD(new)   COLUMN(new, l, l, r, f, l)
#define FROM_BAD(new)    COLUMN(new, l, l, c, r, l)
#define FROM_UNSURE(new) COLUMN(new, l, f, f, f, r)
/* END */
#endif
#define MOVE(old, new) (old == NEW -> FROM_NEW(new) : (old == OPEN -> FROM_OPEN(new) : \
	(old == GOOD -> FROM_GOOD(new) : (old == BAD -> FROM_BAD(new) : FROM_UNSURE(new)))))

/* How old the first use of a Stripe key is: the boundaries are 15 minutes, 20 hours, 20 hours and 15 minutes, 24 hours. */
#define YOUNG 0
#define OLD 1
#define CLIFF 2     /* not sent any more */
#define QUIET 3     /* nothing that was sent is on its way any more: what is not at Stripe never will be */
#define FORGOTTEN 4 /* Stripe may not know the key any more */
#ifdef NO_QUIET
#define PROOF CLIFF
#else
#define PROOF QUIET
#endif

/* What Stripe keeps under a key. An intent's number is added to DID. */
#define NOTHING 0
#define REFUSED 1
#define ERROR 2
#define DID 3

typedef Row {
	bit here;         /* the claim is committed */
	byte identity;    /* the operation's id: the same for the same key of the client, whatever was lost */
	byte state;
	byte step;        /* 0 refund or create, 1 confirm */
	byte generation;
	bit sent;         /* first_sent_at is set: a request may have left under this key */
	bit leased;       /* due lies ahead, by the database's clock */
	byte holder;      /* who took it last; the protocol does not look at it */
	bit sticky;       /* the last answer to a request was a 5xx that Stripe repeats */
	byte age;         /* of this generation's first use */
	byte oldest;      /* of the claim */
	byte tries;       /* how often it was taken in this stretch of time: the back-off */
	byte status;      /* of the refund or payment */
	byte at_stripe;   /* the id that we hold: 0 none, else the number of the object */
	byte seen         /* the latest status of Stripe's that was ever written: only watched, never read */
};
Row row[KEYS];

byte faults = FAULTS;
byte calls[KEYS];
byte told[KEYS];                              /* what the client was told in the end */

/* Stripe */
byte memory[KEYS * STEPS * GENERATIONS];
byte made[KEYS];                              /* objects: refunds or intents */
byte made_by[KEYS];                           /* the operations that they name in their metadata, a bit for each */
byte moved[KEYS];                             /* how often money moved for a key */
byte stands[KEYS];                            /* the status of its latest refund */
byte paid[KEYS];                              /* which of its intents are paid, a bit for each */
bit event[KEYS];                              /* a webhook is on its way */
byte late;                                    /* a request that its sender has given up, and that may still arrive: key + 1 */
byte late_for;
byte late_of;

/* The servers, as the world sees them */
byte at[SERVERS];                             /* at work on key at - 1; 0 idle */
bit over[SERVERS];                            /* its lease has ended, by a clock that runs while it is frozen */
bit crossed[SERVERS];                         /* a boundary of time was passed under its lease */
bit holds[SERVERS];                           /* the row's attempt is the number that it was given: the fence lets it write */
bit is_news[SERVERS + 1];                     /* the row's version is no longer the one it had before Stripe was asked */
byte sends[SERVERS];                          /* the key at Stripe of its attempt, + 1 */
byte watched;                                 /* what the watcher is at, + 1 */
byte sweeping;
bit lost;                                     /* commits were lost */

#ifdef PAY
#define STATUS(k, id) ((paid[k] >> id) & 1 -> GOOD : OPEN)
#define IS_MADE(k) (made[k] > 0 && (made_by[k] >> row[k].identity) & 1)
#else
#define STATUS(k, id) stands[k]
#define IS_MADE(k) (made[k] > 0 && (made_by[k] >> row[k].identity) & 1)
#endif
#define IS_OPEN(k) (row[k].here && row[k].state != SUCCEEDED && row[k].state != FAILED)
#define MONEY_STANDS(k) (moved[k] > 0 && stands[k] != BAD)

/* -- invariants: a run checks one of them ------------------------------------------------------------------------ */

#ifdef CHECK_ONCE
#define ONCE(k) assert(moved[k] <= 1)
#else
#define ONCE(k) skip
#endif
#ifdef CHECK_TOLD
#define TOLD(k) assert((told[k] != FAILED || !MONEY_STANDS(k)) && (told[k] != SUCCEEDED || moved[k] > 0))
#define TOLD_AGAIN(k) assert(told[k] == 0 || told[k] == row[k].state || (lost && !MONEY_STANDS(k)))
#else
#define TOLD(k) skip
#define TOLD_AGAIN(k) skip
#endif
#ifdef CHECK_ALONE
#define ALONE(k) assert(lost || holds[me])
#else
#define ALONE(k) skip
#endif
#ifdef CHECK_NEWEST
#define NEWEST(k, new) assert(new == UNSURE || new >= row[k].seen)
#else
#define NEWEST(k, new) skip
#endif
#ifdef CHECK_HELD
#define HELD(k) assert(lost || row[k].at_stripe > 0)
#else
#define HELD(k) skip
#endif
#ifdef CHECK_COVERED
#define COVERED assert(false)
#else
#define COVERED skip
#endif
#ifdef CHECK_ENDS
#define ENDS(k) \
	assert(!row[k].here || row[k].state == NEEDS_REVIEW || row[k].state == SUCCEEDED || row[k].state == FAILED); \
	assert(!row[k].here || row[k].state != SUCCEEDED || row[k].status == STATUS(k, row[k].at_stripe)); \
	assert(!row[k].here || row[k].state != SUCCEEDED || moved[k] > 0); \
	assert(!row[k].here || row[k].state != FAILED || !MONEY_STANDS(k))
#else
#define ENDS(k) skip
#endif

/* Where the poller reads the same events, whether a webhook came makes no difference that could be seen. */
#ifdef NO_POLLER
#define EVENT(k) event[k] = 1
#else
#define EVENT(k) skip
#endif

/* -- Stripe ------------------------------------------------------------------------------------------------------ */

/* Carry a request out under its key, or remember that it was. The caller is atomic. */
inline execute(k, key, identity_, object_) {
	is_fresh = 0;
	if
	:: memory[key] == NOTHING ->
		is_fresh = 1;
#ifdef PAY
		if
		:: (key) % (STEPS * GENERATIONS) < GENERATIONS -> /* create */
			made[k]++;
			made_by[k] = made_by[k] | (1 << identity_);
			memory[key] = DID + made[k];
#ifdef CONFIRM_AT_CREATE
			paid[k] = paid[k] | (1 << made[k]);
			moved[k]++; stands[k] = GOOD; HELD(k);
#endif
		:: else -> /* confirm: an intent is paid at most once, whatever the key */
			if
			:: (paid[k] >> object_) & 1 -> memory[key] = REFUSED
			:: else ->
				paid[k] = paid[k] | (1 << object_);
				moved[k]++; stands[k] = GOOD; memory[key] = DID + object_; HELD(k);
				printf("Stripe takes money for key %d\n", k);
				if :: KEYS == 2 && MONEY_STANDS(KEYS - 1 - k) -> COVERED :: else fi
			fi
		fi;
#else
		if
		:: KEYS == 2 && MONEY_STANDS(KEYS - 1 - k) -> memory[key] = REFUSED; COVERED
		:: else ->
			made[k]++;
			made_by[k] = made_by[k] | (1 << identity_);
			moved[k]++;
			memory[key] = DID + 1;
			if :: stands[k] = OPEN :: stands[k] = GOOD fi;
			printf("Stripe gives money back for key %d, under its key %d\n", k, key)
		fi;
#endif
		EVENT(k);
		ONCE(k); TOLD(k)
	:: else
	fi
}

/* -- a server: request, retry, janitor --------------------------------------------------------------------------- */

#ifndef TRIES
#ifdef FAILOVER
#define TRIES 6
#else
#define TRIES 3
#endif
/* takes between two boundaries of time: what the back-off allows, for the space to be finite */
#endif
#ifdef NO_LEASE
#define IS_FREE(k) (row[k].tries < TRIES)
#else
#define IS_FREE(k) (!row[k].leased && row[k].tries < TRIES)
#endif
#ifdef NO_RESERVATION
#define IS_RESERVED(k) 0
#else
#define IS_RESERVED(k) (KEYS == 2 && row[KEYS - 1 - k].here && row[KEYS - 1 - k].status != BAD)
#endif
#ifdef FRESH_500_IS_STICKY
#define FRESH 1
#else
#define FRESH 0
#endif
#define FAULT faults > 0 -> faults--
#define IS_NEXT (me == 0 || at[0] > 0) /* the servers are alike: the second one takes what the first is too busy for */

inline begin(k) {
	which = k; identity = row[k].identity;
	if :: at[1 - me] == k + 1 && !lost -> holds[1 - me] = 0 :: else fi; /* numbers that were lost are given again */
	at[me] = k + 1; holds[me] = 1; over[me] = 0; crossed[me] = 0
}

inline claim(k) {
	row[k].here = 1; row[k].state = IN_PROGRESS; row[k].step = 0;
	row[k].generation = 0; row[k].sent = 0; row[k].leased = 1; row[k].holder = me; row[k].sticky = 0; row[k].age = YOUNG;
	row[k].oldest = YOUNG; row[k].tries = 1; row[k].status = NEW; row[k].at_stripe = 0; row[k].seen = NEW;
#if defined(CLIENT_KEY_NOT_KEPT) || defined(KEY_FROM_OPERATION)
	row[k].identity++; row[k].generation = row[k].identity; /* another operation, another key at Stripe */
#endif
	begin(k);
	printf("server %d claims key %d as operation %d\n", me, k, row[k].identity)
}

inline take(k) {
	if :: row[k].state == IN_PROGRESS -> row[k].sent = 1 :: else fi; /* whoever had it left no word */
	if :: !row[k].sent -> row[k].age = YOUNG :: else fi;
	row[k].tries++; row[k].leased = 1; row[k].holder = me;
	if :: row[k].state != NEEDS_REVIEW -> row[k].state = IN_PROGRESS :: else fi;
#ifdef KEY_PER_ATTEMPT
	row[k].generation++;
#endif
	begin(k);
	printf("server %d takes key %d\n", me, k)
}

/* It has the lease still, or again: 60 seconds from now. */
inline go_on(k) {
	row[k].state = IN_PROGRESS; row[k].leased = 1; row[k].holder = me; row[k].sticky = 0; row[k].sent = 0; row[k].age = YOUNG; row[k].tries = 1;
	over[me] = 0; crossed[me] = 0
}

/* Forget what nobody will look at any more, so that the space stays small. */
inline tidy(k) {
	if :: !row[k].leased -> row[k].holder = 0 :: else fi;
#ifndef FAILOVER
	if
	:: KEYS == 1 && row[k].here && !IS_OPEN(k) && at[1 - me] == 0 && late == 0 -> /* nothing will be sent any more */
		row[k].sent = 0; row[k].tries = 0; row[k].sticky = 0; row[k].age = 0; row[k].generation = 0; row[k].step = 0; sweep()
	:: else
	fi
#endif
}

inline sweep() {
	for (sweeping : 0 .. KEYS * STEPS * GENERATIONS - 1) {
		memory[sweeping] = NOTHING
	}
	sweeping = 0
}

inline stop() {
	at[me] = 0; tidy(which); sends[me] = 0; over[me] = 0; crossed[me] = 0; which = 0; identity = 0; replies = 0;
	holds[me] = 0; is_news[me] = 0; verdict = 0; seen = 0; object = 0; is_fetched = 0; is_fresh = 0; is_stuck = 0; is_sent = 0; age = 0
}

inline finish(k, new) {
	row[k].state = new; row[k].leased = 0;
	printf("server %d writes that key %d ends as state %d\n", me, k, new)
}

/* Go to the next step, or finish: by what our rows show. */
inline advance(k) {
	if
	:: STEPS == 2 && row[k].step == 0 ->
		row[k].step = 1; row[k].generation = 0; go_on(k)
	:: else ->
		if
		:: row[k].status == BAD -> finish(k, FAILED)
		:: else -> finish(k, SUCCEEDED)
		fi
	fi
}

#ifdef PAY
#define IS_SHOWN(k) (row[k].step == 0 -> row[k].at_stripe > 0 : row[k].status == GOOD || row[k].status == BAD)
#else
#define IS_SHOWN(k) (row[k].at_stripe > 0 && row[k].status != UNSURE)
#endif

#ifdef NO_FENCE
#define IS_FENCED(k) (!row[k].here || row[k].identity != identity)
#else
#define IS_FENCED(k) (!IS_OPEN(k) || row[k].identity != identity || !holds[me] || sends[me] != KEY_AT_STRIPE(k) + 1)
#endif

#ifdef LATE_ANSWER_WINS
#define IS_OLD_NEWS(k) 0
#else
#define IS_OLD_NEWS(k) (!is_fetched && (MOVE(row[k].status, seen) == LATE || MOVE(row[k].status, seen) == CONFLICT))
#endif
#define IS_SAME(k) (row[k].status == seen && row[k].at_stripe > 0)
#define IS_OTHERS(k) (row[k].at_stripe > 0 && row[k].at_stripe != object)
/* The row has a new version for everybody who asked Stripe before. */
inline changed(k) {
	if :: at[0] == k + 1 -> is_news[0] = 1 :: else fi;
	if :: at[1] == k + 1 -> is_news[1] = 1 :: else fi;
	if :: watched == k + 1 -> is_news[2] = 1 :: else fi
}

#ifdef LOOK_UNNUMBERED
#define IS_OUTRUN(k, who) 0
#else
#ifdef PAY
#define IS_OUTRUN(k, who) (is_news[who] && (is_fetched || seen != GOOD))
#else
#define IS_OUTRUN(k, who) (is_news[who] && is_fetched)
#endif
#endif

/* services.money.state.payment_state: write what Stripe said, unless it is old news. */
inline merge(k) {
	if
	:: IS_OTHERS(k) || IS_SAME(k) || IS_OLD_NEWS(k)
	:: else ->
		printf("the row of key %d gets status %d\n", k, seen);
		NEWEST(k, seen);
		row[k].status = seen; row[k].at_stripe = object; row[k].seen = seen; changed(k)
	fi
}

/* When Stripe is asked what became of a request, instead of sending it again. */
#define IS_ON_INTENT(k) (STEPS == 2 && (sends[me] - 1) % (STEPS * GENERATIONS) >= GENERATIONS) /* the step that it took */
#define IS_STUCK(k) (row[k].sticky && row[k].age >= OLD)
#ifdef NO_CLIFF
#define MUST_LOOK(k) (row[k].sent && IS_STUCK(k))
#else
#ifdef LOOK_FIRST
#define MUST_LOOK(k) (row[k].sent && row[k].age >= OLD)
#else
#define MUST_LOOK(k) (row[k].sent && (IS_STUCK(k) || row[k].age >= CLIFF || (IS_ON_INTENT(k) && row[k].age >= OLD)))
#endif
#endif
#define MAY_LOOK(k) (row[k].sent && row[k].age == YOUNG && IS_ON_INTENT(k)) /* once a minute has passed */

/* The request leaves while Stripe keeps its key, or not at all; a frozen server does not know how late it is. */
#ifdef NO_CLIFF
#define IS_TOO_OLD(k) 0
#else
#define IS_TOO_OLD(k) (!over[me] && row[k].age >= CLIFF)
#endif

proctype Server(byte me) {
	byte which, identity, verdict, seen, object, age;
	bit replies, is_fetched, is_fresh, is_stuck, is_sent;

idle:
end_idle:
	atomic {
		if
		:: IS_NEXT && calls[0] > 0 -> calls[0]--; which = 0; replies = 1
#if KEYS == 2
		:: IS_NEXT && calls[1] > 0 -> calls[1]--; which = 1; replies = 1
#endif
#ifndef NO_JANITOR
		:: IS_NEXT && IS_OPEN(0) && IS_FREE(0) -> which = 0
#if KEYS == 2
		:: IS_NEXT && IS_OPEN(1) && IS_FREE(1) -> which = 1
#endif
#endif
#ifdef TWO_CLOCKS
		:: IS_NEXT && IS_OPEN(0) && row[0].leased && row[0].tries < TRIES && FAULT; which = 0
#endif
		fi;
		if
		:: !row[which].here ->
			if
			:: IS_RESERVED(which) -> stop(); goto idle
			:: else -> claim(which)
			fi
#ifdef CLIENT_KEY_NOT_KEPT
		:: row[which].here && replies -> claim(which)
#endif
		:: row[which].here && !IS_OPEN(which) ->
			printf("the client is told state %d\n", row[which].state); TOLD_AGAIN(which); told[which] = row[which].state; stop(); goto idle
		:: IS_OPEN(which) && replies && !IS_FREE(which) -> stop(); goto idle /* OPERATION_IN_PROGRESS */
		:: IS_OPEN(which) && (!replies || IS_FREE(which)) -> take(which)
		fi;

attempting: /* services.money.operations.provider_calls.attempt: what the lease brought of the row, before anything is asked */
		sends[me] = KEY_AT_STRIPE(which) + 1;
		is_news[me] = 0; age = row[which].age; object = row[which].at_stripe;
		is_fetched = 0; is_fresh = 0; is_sent = 0; is_stuck = 0;
		if
		:: MUST_LOOK(which) -> goto looking
		:: MAY_LOOK(which) -> goto looking
		:: !MUST_LOOK(which) -> age = 0; goto sending
		fi
	};

looking:
	atomic {
#ifdef NO_LOOK
		goto not_there;
#endif
		if
		:: FAULT; printf("server %d is killed\n", me); stop(); goto idle
		:: FAULT; printf("server %d looks, in vain\n", me);
#ifdef PROBLEM_OF_THE_LOOK
			is_sent = 1; is_stuck = 1;
#endif
#ifdef FAILED_LOOK_IS_ABSENT
			if :: age >= CLIFF -> verdict = V_ABSENT :: else -> age = 0; goto sending fi
#else
			if
			:: age >= CLIFF || row[which].state == NEEDS_REVIEW -> verdict = V_REVIEW
			:: else -> verdict = V_UNKNOWN
			fi
#endif
		:: IS_ON_INTENT(which) && STATUS(which, object) == GOOD -> verdict = V_DONE
		:: IS_ON_INTENT(which) && STATUS(which, object) != GOOD -> goto not_there
		:: !IS_ON_INTENT(which) && IS_MADE(which) -> verdict = V_DONE; object = made[which]
		:: !IS_ON_INTENT(which) && !IS_MADE(which) -> goto not_there
		fi;
		if
		:: verdict == V_DONE ->
			is_fetched = 1; seen = STATUS(which, object); printf("server %d looks: it is there\n", me)
		:: else
		fi;
		age = 0; goto settling;
not_there:
		printf("server %d looks: it is not there\n", me);
		if
		:: age >= PROOF || (row[which].sticky && age >= OLD) -> verdict = V_ABSENT; age = 0; goto settling
		:: age >= CLIFF && age < PROOF && !row[which].sticky -> verdict = V_UNKNOWN; age = 0; goto settling
		:: age < CLIFF && !(row[which].sticky && age >= OLD) -> age = 0; goto sending
		fi
	};

sending: /* right before the first byte */
	atomic {
		if
		:: FAULT; printf("server %d is killed\n", me); stop(); goto idle
#ifndef NO_CLOCK_BEFORE_SEND
		:: over[me] || IS_TOO_OLD(which) -> verdict = V_NOT_DONE; object = 0; goto settling
		:: !over[me] && !IS_TOO_OLD(which) -> skip
#else
		:: !IS_TOO_OLD(which) -> skip
		:: IS_TOO_OLD(which) -> verdict = V_NOT_DONE; object = 0; goto settling
#endif
		fi;
		ALONE(which);
		is_sent = 1;
		printf("server %d sends under Stripe's key %d\n", me, sends[me] - 1);
		if
		:: execute(which, sends[me] - 1, identity, object) /* and answered */
		:: FAULT; execute(which, sends[me] - 1, identity, object); verdict = V_UNKNOWN; object = 0; printf("the answer is lost\n"); goto settling
		:: FAULT; verdict = V_NOT_DONE; object = 0; goto settling
		:: FAULT; verdict = V_UNKNOWN; object = 0; printf("the request is lost\n"); goto settling
#ifndef NOTHING_LATE
		:: late == 0 && FAULT;
			late = sends[me]; late_for = identity; late_of = object; verdict = V_UNKNOWN;
			printf("the request is late\n"); goto settling
#endif
		:: memory[sends[me] - 1] == NOTHING && FAULT;
			memory[sends[me] - 1] = ERROR; verdict = V_UNKNOWN; is_stuck = FRESH;
			printf("Stripe says 500 and keeps that\n"); goto settling
		:: memory[sends[me] - 1] == NOTHING && FAULT;
			execute(which, sends[me] - 1, identity, object); memory[sends[me] - 1] = ERROR; verdict = V_UNKNOWN; is_stuck = FRESH;
			printf("Stripe says 500 although it was done, and keeps that\n"); goto settling
		:: FAULT; verdict = V_UNKNOWN; is_stuck = FRESH; printf("Stripe says 5xx and keeps nothing\n"); goto settling
		:: FAULT; printf("Stripe says no\n");
#ifndef REFUSAL_MAY_PASS
			if :: memory[sends[me] - 1] == NOTHING -> memory[sends[me] - 1] = REFUSED :: else fi;
#endif
			goto refused
		fi;
		if
		:: memory[sends[me] - 1] == REFUSED -> goto refused
		:: memory[sends[me] - 1] == ERROR ->
			is_stuck = 1; printf("Stripe repeats its 500\n");
			if
			:: IS_MADE(which) && !IS_ON_INTENT(which) -> verdict = V_DONE; object = made[which]; is_fetched = 1; seen = STATUS(which, object)
			:: IS_ON_INTENT(which) && STATUS(which, object) == GOOD -> verdict = V_DONE; is_fetched = 1; seen = GOOD
			:: true -> verdict = V_UNKNOWN; object = 0
			fi;
			goto settling
		:: memory[sends[me] - 1] >= DID ->
			verdict = V_DONE; object = memory[sends[me] - 1] - DID; seen = STATUS(which, object);
			is_fetched = !is_fresh; goto settling
		fi;
	};

refused: /* a definite no is believed after a look */
	atomic {
		if
#ifdef NO_LOOK_AFTER_NO
		:: true -> verdict = V_FAILED
#else
		:: FAULT; verdict = V_UNKNOWN; object = 0; is_sent = 0;
#ifdef PROBLEM_OF_THE_LOOK
			is_sent = 1; is_stuck = 1;
#endif
			skip
		:: IS_ON_INTENT(which) && STATUS(which, object) == GOOD -> verdict = V_DONE
		:: IS_ON_INTENT(which) && STATUS(which, object) != GOOD -> verdict = V_FAILED
		:: !IS_ON_INTENT(which) && IS_MADE(which) -> verdict = V_DONE; object = made[which]
		:: !IS_ON_INTENT(which) && !IS_MADE(which) -> verdict = V_FAILED
#endif
		fi;
		if :: verdict == V_DONE -> is_fetched = 1; seen = STATUS(which, object) :: else fi
	};

settling: /* services.money.operations.outcomes: one transaction */
	atomic {
		if
		:: FAULT; printf("server %d is killed\n", me); stop(); goto idle
		:: true
		fi;
		if
		:: IS_FENCED(which) -> stop(); goto idle
		:: else
		fi;
#ifdef UNKNOWN_IS_FAILED
		if :: verdict == V_UNKNOWN -> verdict = V_FAILED :: else fi;
#endif
		if
		:: verdict == V_DONE && !IS_OTHERS(which) && !IS_SAME(which) && !IS_OLD_NEWS(which) && IS_OUTRUN(which, me) -> goto again
		:: verdict == V_DONE && (IS_OTHERS(which) || IS_SAME(which) || IS_OLD_NEWS(which) || !IS_OUTRUN(which, me)) ->
			merge(which); advance(which)
		:: verdict == V_FAILED ->
			if
			:: IS_ON_INTENT(which) -> row[which].status = OPEN; changed(which) /* declined: another try may be made */
			:: !IS_ON_INTENT(which) && row[which].status != BAD -> row[which].status = BAD; changed(which)
			:: else
			fi;
			finish(which, FAILED)
		:: verdict == V_ABSENT ->
			row[which].generation++; go_on(which); printf("a new key at Stripe\n")
		:: verdict >= V_UNKNOWN && verdict != V_ABSENT && IS_SHOWN(which) -> advance(which)
		:: verdict >= V_UNKNOWN && verdict != V_ABSENT && !IS_SHOWN(which) ->
			row[which].leased = 0;
			if
			:: verdict == V_NOT_DONE
			:: else ->
				row[which].sent = 1;
				if
				:: row[which].status == NEW || (STEPS == 2 && row[which].status == OPEN) -> row[which].status = UNSURE; changed(which)
				:: else
				fi;
				if :: is_sent -> row[which].sticky = is_stuck :: else fi
			fi;
			if
			:: verdict == V_REVIEW -> row[which].state = NEEDS_REVIEW
			:: else -> row[which].state = UNRESOLVED
			fi
		fi;
		if
		:: row[which].state == IN_PROGRESS -> verdict = 0; goto attempting
		:: else ->
			if
			:: replies && !IS_OPEN(which) -> printf("the client is told state %d\n", row[which].state); TOLD_AGAIN(which); told[which] = row[which].state; TOLD(which)
			:: else
			fi;
			stop(); goto idle
		fi
	};

again: /* the row was changed while we asked */
	atomic { is_news[me] = 0; seen = STATUS(which, object); is_fetched = 1; goto settling }
}

/* -- webhooks and the poller ------------------------------------------------------------------------------------- */

#ifdef PAY
#define OBJECT(k) (row[k].at_stripe > 0 -> row[k].at_stripe : made[k])
#else
#define OBJECT(k) 1
#endif
#define HAS_NEWS(k) (row[k].here && IS_MADE(k) && (row[k].status != STATUS(k, OBJECT(k)) || row[k].at_stripe == 0))

inline rest() {
	which = 0; seen = 0; object = 0; watched = 0; is_news[2] = 0
}

proctype Watcher() {
	byte which, seen, object;
	bit is_fetched = 1;

idle:
end_idle:
	atomic {
		if
		:: event[0] -> event[0] = 0
		:: event[0] && FAULT; event[0] = 0; rest(); goto idle /* the webhook is lost */
#ifndef NO_POLLER
		:: HAS_NEWS(0)
#endif
#if KEYS == 2
		:: event[1] -> event[1] = 0; which = 1
		:: event[1] && FAULT; event[1] = 0; rest(); goto idle
#ifndef NO_POLLER
		:: HAS_NEWS(1) -> which = 1
#endif
#endif
		fi;
		if
		:: !row[which].here || !IS_MADE(which) -> rest(); goto idle /* kept until its row appears; the poller stands for that */
		:: else -> is_news[2] = 0; object = OBJECT(which); watched = which + 1
		fi
	};
asking:
	atomic { seen = STATUS(which, object) };
merging: /* services.money.sync */
	atomic {
		if
		:: !row[which].here || IS_OTHERS(which) || IS_SAME(which) -> rest(); goto idle
		:: else
		fi;
		if
		:: IS_OUTRUN(which, 2) -> is_news[2] = 0; goto asking
		:: else -> merge(which)
		fi;
		if
		:: (row[which].state == UNRESOLVED || row[which].state == NEEDS_REVIEW) && row[which].step == STEPS - 1 && IS_SHOWN(which) ->
			if :: row[which].status == BAD -> row[which].state = FAILED :: else -> row[which].state = SUCCEEDED fi;
			row[which].leased = 0;
			printf("the watcher writes that key %d ends as state %d\n", which, row[which].state)
		:: else
		fi;
		rest(); goto idle
	}
}

/* -- the world: time, the network, Stripe's own changes, the database ----------------------------------------------- */

#ifdef LATE_OVER_BOUNDARY
#define IS_QUIET(k) 1
#else
#define IS_QUIET(k) (late == 0 || row[k].age < CLIFF)
#endif
#define MAY_CROSS(k, s) (at[s] != k + 1 || over[s] || !crossed[s])
#define IS_CURRENT(key) ((row[0].here && key == KEY_AT_STRIPE(0)) || (KEYS == 2 && row[KEYS - 1].here && key == KEY_AT_STRIPE(KEYS - 1)))

inline lease_ends(k) {
	row[k].leased = 0;
	if
	:: at[row[k].holder] == k + 1 -> over[row[k].holder] = 1; printf("server %d freezes, and its lease on key %d ends\n", row[k].holder, k)
	:: else
	fi
}

inline pass(k) {
	row[k].age++; row[k].tries = 0;
#ifdef FAILOVER
	if :: row[k].age > row[k].oldest -> row[k].oldest = row[k].age :: else fi;
#endif
	skip;
	if :: at[0] == k + 1 && !over[0] -> crossed[0] = 1 :: else fi;
	if :: at[1] == k + 1 && !over[1] -> crossed[1] = 1 :: else fi;
	printf("time passes: key %d has age %d\n", k, row[k].age)
}

inline forget(s) {
	printf("Stripe forgets its key %d\n", sends[s] - 1);
	memory[sends[s] - 1] = NOTHING; row[at[s] - 1].oldest = FORGOTTEN
}

/* The database that takes over is asked only when the leases that it may not know of have ended. */
inline lose() {
	lost = 1;
#ifndef WORK_OVER_FAILOVER
	if :: at[0] > 0 -> over[0] = 1 :: else fi;
	if :: at[1] > 0 -> over[1] = 1 :: else fi
#endif
}

#define MAY_END(k) (row[k].here && row[k].leased && (at[row[k].holder] != k + 1 || over[row[k].holder]))
#define MAY_FREEZE(k) (row[k].here && row[k].leased && at[row[k].holder] == k + 1 && !over[row[k].holder])
#define MAY_LOSE(k) (row[k].here && row[k].oldest == YOUNG) /* a standby that is behind by less than 15 minutes */
#ifdef FORGOTTEN_AFTER_LOSS
#define IS_IN_TIME(k) 1
#else
#define IS_IN_TIME(k) (!lost || (row[k].age != OLD && row[k].age != QUIET))
#endif
#define MAY_PASS(k) (IS_OPEN(k) && IS_IN_TIME(k) && row[k].age < FORGOTTEN && IS_QUIET(k) && MAY_CROSS(k, 0) && MAY_CROSS(k, 1))
#ifdef FORGOTTEN_AFTER_LOSS
#define MAY_FORGET(s) (sends[s] > 0 && memory[sends[s] - 1] != NOTHING && late != sends[s])
#else
#define MAY_FORGET(s) (sends[s] > 0 && !lost && memory[sends[s] - 1] != NOTHING && late != sends[s] && \
	(IS_CURRENT(sends[s] - 1) && IS_OPEN(at[s] - 1) -> row[at[s] - 1].age == FORGOTTEN : over[s]))
#endif

proctype World() {
	bit is_fresh;

end_world:
	do
#ifndef LEASE_WITHOUT_END
	:: atomic { MAY_END(0) -> lease_ends(0) }
	:: atomic { MAY_FREEZE(0) && FAULT; lease_ends(0) }
#if KEYS == 2
	:: atomic { MAY_END(1) -> lease_ends(1) }
	:: atomic { MAY_FREEZE(1) && FAULT; lease_ends(1) }
#endif
#endif
	:: atomic { MAY_PASS(0) -> pass(0) }
#if KEYS == 2
	:: atomic { MAY_PASS(1) -> pass(1) }
#endif
	:: atomic { MAY_FORGET(0) -> forget(0) }
	:: atomic { MAY_FORGET(1) -> forget(1) }
	:: atomic { late > 0 ->
		printf("the late request arrives\n");
		execute((late - 1) / (STEPS * GENERATIONS), late - 1, late_for, late_of); late = 0; late_for = 0; late_of = 0; is_fresh = 0 }
	:: atomic { late > 0 -> late = 0; late_for = 0; late_of = 0 }
#ifndef PAY
	:: atomic { stands[0] == OPEN -> stands[0] = GOOD; EVENT(0) }
	:: atomic { stands[0] == OPEN -> stands[0] = BAD; EVENT(0); printf("the bank refuses the refund of key 0\n") }
	:: atomic { stands[0] == GOOD && FAULT; stands[0] = BAD; EVENT(0); printf("the refund of key 0 fails days later\n") }
#if KEYS == 2
	:: atomic { stands[1] == OPEN -> stands[1] = GOOD; EVENT(1) }
	:: atomic { stands[1] == OPEN -> stands[1] = BAD; EVENT(1) }
#endif
#endif
#ifdef FAILOVER
	:: atomic { MAY_LOSE(0) && FAULT; lose(); row[0].here = 0; printf("the database loses the claim\n") }
	:: atomic { MAY_LOSE(0) && FAULT; lose(); printf("the database loses all but the claim\n");
		row[0].state = IN_PROGRESS; row[0].step = 0; row[0].generation = 0; row[0].sent = 0;
		row[0].leased = 0; row[0].sticky = 0; row[0].tries = 0; row[0].age = row[0].oldest; row[0].status = NEW; row[0].at_stripe = 0; row[0].seen = NEW }
#endif
	od
}

init {
	atomic {
		calls[0] = CALLS;
#if KEYS == 2
		calls[1] = CALLS;
#endif
		run Server(0); run Server(1); run Watcher(); run World()
	};
end_init:
	timeout -> ENDS(0);
#if KEYS == 2
	ENDS(1)
#endif
}
