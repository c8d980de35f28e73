# What the database has of mails that were delivered or cancelled agrees with itself.
#
#     use EmailGW::Ends;
#     ends_agree($gw);    # each recipient's end, the events and the counters
package EmailGW::Ends;
use strict;
use warnings;
use Exporter qw(import);
use Test::More;

our @EXPORT = qw(ends_agree);

sub ends_agree {
    my ($gw) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($gw->sql(<<'END'), 0, 'one event tells of each end');
SELECT count(*)
  FROM (SELECT r.status, array_agg(e.type) AS types
          FROM emailgw.recipient AS r
          LEFT JOIN emailgw.event AS e ON e.account_id = r.account_id AND e.message_id = r.message_id
                                      AND e.recipient_no = r.recipient_no AND e.type <> 1
         GROUP BY r.account_id, r.message_id, r.recipient_no, r.status) AS r
 WHERE r.types <> CASE r.status WHEN 'delivered' THEN '{2}'::smallint[] ELSE '{6}' END
END
    is($gw->sql(<<'END'), 0, 'the counters are what a count of the events is');
SELECT count(*)
  FROM (SELECT e.domain_id, e.type, t.tag, count(*) FROM emailgw.event AS e JOIN emailgw.message AS m USING (account_id, message_id)
         CROSS JOIN LATERAL unnest('{""}' || m.tags) AS t (tag) GROUP BY 1, 2, 3) AS e
  FULL JOIN (SELECT c.domain_id, c.type, c.tag, sum(c.count) AS count FROM emailgw.daily_count AS c GROUP BY 1, 2, 3) AS c
       USING (domain_id, type, tag)
 WHERE e.count IS DISTINCT FROM c.count
END
    return;
}

1;
