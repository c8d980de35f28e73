# mod_emailgw. `make help` lists the targets; the packages that they need are listed in t/deps.
#
#   SAN=address,undefined   everything with these sanitizers, in a build folder of its own
#   T='t/api/*.t'           the part of the tests that `make check` runs
#   EG_JOBS=1               how many test files it runs at a time: one more than the processors if not set
#   ONLY=drain-unsigned     the figure that `make bench` measures
#   FUZZ_SECONDS=60         how long `make fuzz` runs each fuzzer
#   DESTDIR=, SYSCONFDIR=   where `make install` puts things; also SBINDIR= and DOCDIR=
#   V=1                     show the commands of the build in full

SAN :=
T :=
ONLY :=
V :=
say = $(if $(V),,@printf '%-5s %s\n' $(1) $(2);)
SYSCONFDIR := /etc
SBINDIR := /usr/sbin
DOCDIR := /usr/share/doc/emailgw

comma := ,
B := build$(addprefix /san-,$(subst $(comma),-,$(SAN)))

# Only what httpd calls may know httpd.h (t/guard/includes.t): all else is tested without it.
HTTPD_C := $(wildcard $(patsubst %,mod_emailgw/%.c,\
    mod_emailgw config conftree directives request response store limiter tracking \
    trackspool smtp_listener smtp_answers smtp_start smtp_tls))
CORE_C := $(wildcard mod_emailgw/core/*.c)
MODULE_C := $(filter-out $(HTTPD_C),$(wildcard mod_emailgw/*.c)) $(wildcard mod_emailgw/commands/*.c)
SENDER_C := $(filter-out sender/main.c sender/ctl.c,$(wildcard sender/*.c))
CTL_C := $(wildcard sender/ctl.c sender/ctl/*.c)
UNIT_C := $(wildcard t/unit/*_test.c)
FUZZ_C := $(wildcard t/fuzz/fuzz_*.c)
BENCH_C := $(wildcard t/bench/*.c)
PROBE_C := $(wildcard t/sender/*.c)
SOURCES := $(CORE_C) $(HTTPD_C) $(MODULE_C) $(SENDER_C) $(wildcard sender/main.c) $(CTL_C)
SQL := $(sort $(wildcard sql/migrations/*.sql)) $(sort $(wildcard sql/functions/*.sql)) \
    sql/roles.sql sql/privileges.sql

objects = $(patsubst %.c,$(B)/%.o,$(1))
ARCHIVES := $(B)/libegs.a $(B)/libegm.a $(B)/libeg.a
PROGRAMS := $(B)/mod_emailgw.so $(B)/emailgw-sender $(B)/emailgwctl
UNITS := $(patsubst %.c,$(B)/%,$(UNIT_C))
REPLAYS := $(patsubst t/fuzz/fuzz_%.c,$(B)/t/fuzz/replay_%,$(FUZZ_C))
BENCHES := $(patsubst %.c,$(B)/%,$(BENCH_C))
PROBES := $(patsubst %.c,$(B)/%,$(PROBE_C))
FUZZERS := $(patsubst t/fuzz/%.c,build/fuzz/%,$(FUZZ_C))
FUZZ_DICTS := $(patsubst t/fuzz/fuzz_%.c,build/fuzz/%.dict,$(FUZZ_C))
FUZZ_OBJECTS := $(patsubst %.c,build/fuzz/%.o,$(CORE_C) $(MODULE_C) $(SENDER_C))

# Asked for at the first compilation, not before: the packages may not be there yet.
once = $(eval $(1) := $(2))$($(1))
LIBRARIES := apr-1 apr-util-1 jansson libcurl gmime-3.0 libcares libpsl libidn2 libpq openssl
PKG_CFLAGS = $(call once,PKG_CFLAGS,$(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(LIBRARIES))))
PKG_LIBS = $(call once,PKG_LIBS,$(shell pkg-config --libs $(LIBRARIES)) -lunistring)
HTTPD_CFLAGS = $(call once,HTTPD_CFLAGS,-isystem $(shell apxs -q INCLUDEDIR))

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes
OPTIMIZE := -O2 -g
HARDEN := -fstack-protector-strong $(if $(SAN),,-D_FORTIFY_SOURCE=2)
SANITIZE := $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)
INCLUDE := -Imod_emailgw/core -Imod_emailgw -Isender
COMPILE = $(CC) -std=gnu11 $(OPTIMIZE) $(HARDEN) $(SANITIZE) $(WARNINGS) -fPIC -pthread $(INCLUDE) \
    $(PKG_CFLAGS) $(HTTPD_CFLAGS) $(CPPFLAGS) $(CFLAGS)
FUZZ_COMPILE = clang -std=gnu11 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -pthread \
    $(INCLUDE) $(PKG_CFLAGS) $(HTTPD_CFLAGS)
LINK = $(CC) $(OPTIMIZE) $(SANITIZE) -pthread -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS)

all: $(PROGRAMS) ## build the module, the sender and emailgwctl into build/

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## install the Debian packages that building and running need
	@t/deps run
deps-test:
	@t/deps test
deps-dev:
	@t/deps dev

run: all ## start an instance, send one mail through it, leave it running
	@EG_BUILD=$(B) t/demo build/run

stop: ## end what `make run` started, and remove its database, mails and logs
	@t/instance down build/run

check: deps-test all $(UNITS) $(REPLAYS) $(PROBES) ## all tests, or those of T='t/api/*.t'
	@EG_BUILD=$(B) EG_SAN=$(SAN) t/lib/check $(T)

check-units: deps-test $(UNITS) $(REPLAYS) ## unit tests and fuzz corpora alone: no servers
	@EG_BUILD=$(B) EG_SAN=$(SAN) t/lib/check $(UNIT_C) $(FUZZ_C)

bench: deps-test all $(BENCHES) ## ours beside peers, as ratios, or the one of ONLY=drain-unsigned
	@EG_BUILD=$(B) t/lib/bench $(ONLY)

lint: deps-dev deps-test ## warnings as errors, cppcheck
	@$(MAKE) --no-print-directory --keep-going B=build/lint CFLAGS='-Werror $(CFLAGS)' objects
	@cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
	    --suppress=uninitvar '-DAPR_STRINGIFY(x)="x"' $(INCLUDE) $(SOURCES)

format: deps-dev ## lay the C sources out by .clang-format
	clang-format -i $(SOURCES) $(wildcard mod_emailgw/*.h mod_emailgw/core/*.h sender/*.h sender/ctl/*.h) \
	    $(wildcard t/unit/*.[ch] t/fuzz/*.[ch] t/bench/*.c t/sender/*.c)

fuzz: deps-dev $(FUZZERS) $(FUZZ_DICTS) ## run each fuzzer for FUZZ_SECONDS=60, on up to 70 000 bytes
	@set -e; for fuzzer in $(FUZZERS); do \
	    name=$${fuzzer##*/fuzz_}; found=build/fuzz/found/$${fuzzer##*/}; mkdir -p $$found; echo "== $$fuzzer"; \
	    $$fuzzer -max_total_time=$(or $(FUZZ_SECONDS),60) -max_len=70000 -dict=build/fuzz/$$name.dict \
	        -artifact_prefix=$$found/ $$found t/fuzz/corpus/$$name; done

log-ids: ## give the EGLOGNO()s without a number their numbers
	@t/lib/log-ids

install: all ## install module, sender and emailgwctl, example configurations and documents
	install -D -m 644 $(B)/mod_emailgw.so "$(DESTDIR)$$(apxs -q LIBEXECDIR)/mod_emailgw.so"
	install -D -m 755 -t "$(DESTDIR)$(SBINDIR)" $(B)/emailgw-sender $(B)/emailgwctl
	install -D -m 644 -t "$(DESTDIR)$(SYSCONFDIR)/emailgw/examples" $(filter-out %.md,$(wildcard conf/*))
	install -D -m 644 -t "$(DESTDIR)$(DOCDIR)" README.md LICENSE
	install -D -m 644 -t "$(DESTDIR)$(DOCDIR)/conf" conf/API.md
	install -D -m 644 -t "$(DESTDIR)$(DOCDIR)/mod_emailgw/core" mod_emailgw/core/log-ids.txt
	install -D -m 644 -t "$(DESTDIR)$(DOCDIR)/sender" sender/log-ids.txt

clean: ## remove build/, stopping what `make run` started
	@[ ! -e build/run/state ] || t/instance down build/run
	rm -rf build

objects: $(call objects,$(SOURCES) $(UNIT_C) $(FUZZ_C) $(BENCH_C) $(PROBE_C)) $(B)/sql.o

$(B)/libeg.a: $(call objects,$(CORE_C))
$(B)/libegm.a: $(call objects,$(MODULE_C))
$(B)/libegs.a: $(call objects,$(SENDER_C))
$(ARCHIVES): $(B)/sources
	$(call say,AR,$@) rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)

$(B)/mod_emailgw.so: $(call objects,$(HTTPD_C) $(MODULE_C)) $(B)/libeg.a
	$(call say,LINK,$@) $(LINK) -shared -o $@ $(filter %.o,$^) $(B)/libeg.a $(PKG_LIBS)
$(B)/emailgw-sender: $(call objects,sender/main.c) $(B)/libegs.a $(B)/libeg.a
	$(call say,LINK,$@) $(LINK) -pie -o $@ $^ $(PKG_LIBS)
$(B)/emailgwctl: $(call objects,$(CTL_C)) $(B)/sql.o $(B)/libegs.a $(B)/libeg.a
	$(call say,LINK,$@) $(LINK) -pie -o $@ $^ $(PKG_LIBS)

$(UNITS): $(B)/t/unit/%: $(B)/t/unit/%.o $(ARCHIVES)
	$(call say,LINK,$@) $(LINK) -pie -o $@ $^ $(PKG_LIBS) $$(pkg-config --libs cmocka)
$(REPLAYS): $(B)/t/fuzz/replay_%: $(B)/t/fuzz/fuzz_%.o $(B)/t/fuzz/replay.o $(ARCHIVES)
	$(call say,LINK,$@) $(LINK) -pie -o $@ $^ $(PKG_LIBS)
$(BENCHES): $(B)/t/bench/%: $(B)/t/bench/%.o $(ARCHIVES)
	$(call say,LINK,$@) $(LINK) -pie -o $@ $^ $(PKG_LIBS)
$(PROBES): $(B)/t/sender/%: $(B)/t/sender/%.o $(ARCHIVES)
	$(call say,LINK,$@) $(LINK) -pie -o $@ $^ $(PKG_LIBS)
# clang's own objects: coverage must reach the parsers, not only the harness.
$(FUZZ_OBJECTS): build/fuzz/%.o: %.c | deps-dev
	@mkdir -p $(@D)
	$(call say,CLANG,$<) $(FUZZ_COMPILE) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<
build/fuzz/all.a: $(FUZZ_OBJECTS)
	$(call say,AR,$@) rm -f $@ && $(AR) rcs $@ $^
$(FUZZERS): build/fuzz/%: t/fuzz/%.c build/fuzz/all.a
	$(call say,CLANG,$@) $(FUZZ_COMPILE) -fsanitize=fuzzer -o $@ $^ $(PKG_LIBS)

# Words of the languages that the inputs of a fuzzer are in.
words_addresslist := mime
words_classify := dsn
words_erasable := mime
words_eventquery := json
words_inbound := mime dsn html
words_json := json
words_mail := json mime template
words_mime := json mime
words_params := json
words_rawmail := mime
words_rewrite_html := html
words_smtp_message := mime
words_smtp_reply := smtp dsn
words_smtp_session := smtp
words_subscribers := json
words_template := template html json
$(FUZZ_DICTS): build/fuzz/%.dict: $(wildcard t/fuzz/dict/*.dict) Makefile
	@mkdir -p $(@D)
	@{ echo '# $(words_$*)'; cat /dev/null $(patsubst %,t/fuzz/dict/%.dict,$(words_$*)); } >$@

# C string literals of all SQL, in the order in which emailgwctl runs it.
quote = sed 's/[\\"]/\\&/g; s/^/        "/; s/$$/\\n"/'
$(B)/sql.c: $(SQL) $(B)/sources
	@mkdir -p $(@D)
	@{ echo '#include <stddef.h>'; echo; echo '#include "ctl/sql.h"'; \
	for kind in migrations functions; do \
	    echo; echo "const egs_sql_file egs_sql_$$kind[] = {"; \
	    for file in $(filter %.sql,$^); do case $$file in sql/$$kind/*) \
	        echo "    { \"$$(basename $$file .sql)\","; $(quote) $$file; echo '    },' ;; esac; done; \
	    echo '    { NULL, NULL }'; echo '};'; \
	done; \
	for name in roles privileges; do \
	    echo; echo "const char egs_sql_$$name[] ="; $(quote) sql/$$name.sql; echo '        "";'; \
	done; } >$@.new
	@mv $@.new $@

$(B)/%.o: %.c | deps
	@mkdir -p $(@D)
	$(call say,CC,$<) $(COMPILE) -MMD -MP -c -o $@ $<
$(B)/%.o: $(B)/%.c | deps
	$(call say,CC,$<) $(COMPILE) -MMD -MP -c -o $@ $<

# Changes when a file comes or goes: so an archive holds no object whose source is gone.
$(B)/sources: FORCE
	@mkdir -p $(@D)
	@echo '$(SOURCES) $(SQL)' | cmp -s - $@ || echo '$(SOURCES) $(SQL)' >$@

FORCE:
.PHONY: all help deps deps-test deps-dev run stop check check-units bench lint objects format fuzz log-ids install \
    clean FORCE
.DELETE_ON_ERROR:
.SECONDARY:
-include $(patsubst %.c,$(B)/%.d,$(SOURCES) $(UNIT_C) $(FUZZ_C) $(BENCH_C) $(PROBE_C) t/fuzz/replay.c) $(B)/sql.d $(FUZZ_OBJECTS:.o=.d)
