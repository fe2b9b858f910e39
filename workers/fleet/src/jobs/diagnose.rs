//! Diagnose: failures that pile up become one row, with what to do. A model may be asked what is wrong; its words stand
//! beside the numbers, and without them the row is whole.

use crate::context::Context;
use crate::model::{self, Question, Said};
use crate::registry::JobInfo;
use crate::runtime::HandlerError;
use queue_schema::client::Queue;
use queue_schema::effects::Effects;
use queue_schema::jobs::Diagnose;
use queue_schema::ledger::TaskClass;
use queue_schema::rows::{DiagnosisRow, Outcome};
use queue_schema::sweep::{Ladder, SweepSpec};
use scrum_domain::observe::{self, Asked, Cluster};
use scrum_domain::redact;
use scrum_knowledge::observe::failures;

/// Makes the diagnosis, unless it is there.
///
/// # Errors
/// When Redis can't be read.
pub async fn run(ctx: &Context, info: JobInfo, job: Diagnose) -> Result<Effects, HandlerError> {
    let (sweep, row_id) = (&job.sweep, job.row.as_str());
    let look = |queue: Queue| async move { queue.row::<DiagnosisRow>(sweep, row_id).await };
    if ctx.read("a diagnosis", look).await?.is_some() {
        return Ok(Effects::done());
    }
    let spec = ctx.spec(sweep).await?;
    let cluster = load(ctx, &job).await?;
    let row = Box::new(cluster.row(files(ctx, &cluster).await, &super::now()));
    let (row, effects) = match ask(ctx, &info, &spec, row).await? {
        Answered::Row(row, effects) => (row, effects),
        Answered::Later(effects) => return Ok(effects),
    };
    tracing::warn!(%sweep, endpoint = row.endpoint, class = row.class, failures = row.count, "failures pile up: {}", row.what_to_do);
    Ok(effects.append_row(sweep, &*row)?)
}

/// The failures of its window that are still kept.
async fn load(ctx: &Context, job: &Diagnose) -> Result<Cluster, HandlerError> {
    let look = |queue: Queue| async move {
        let part = queue.of_sweep(&job.sweep);
        match failures(&part, job.from_ms).await {
            Ok(events) => Ok(observe::of_job(job, &events)),
            Err(scrum_knowledge::Error::Queue(error)) => Err(error),
            // They are kept as text, and what can't be read is passed over.
            Err(_) => Ok(observe::of_job(job, &[])),
        }
    };
    ctx.read("failures that pile up", look).await
}

/// Paths of some of its files; those that can't be read are left out.
async fn files(ctx: &Context, cluster: &Cluster) -> Vec<String> {
    let mut all = Vec::new();
    for target in &cluster.targets {
        all.extend(ctx.target(&cluster.key.sweep, *target).await.ok().map(|target| target.path));
    }
    all
}

enum Answered {
    Row(Box<DiagnosisRow>, Effects),
    Later(Effects),
}

/// Has a model say what is wrong, if one is set. Its failure leaves the row as it is.
async fn ask(
    ctx: &Context,
    info: &JobInfo,
    spec: &SweepSpec,
    mut row: Box<DiagnosisRow>,
) -> Result<Answered, HandlerError> {
    let settings = &ctx.settings().observe;
    let Some(rung) = settings.rung() else { return Ok(Answered::Row(row, Effects::done())) };
    let sweep = row.sweep_id.as_str().into();
    let fence = model::fence(&sweep, spec);
    let mut prompt = observe::prompt(&Asked { row: &row, fence: &fence });
    let mut masked = 0;
    if model::sweep_leaves(ctx, spec, &rung) {
        let shown = redact::mask(&prompt.user);
        masked = shown.count();
        prompt.user = shown.text;
    }
    let ladder =
        Ladder { name: rung.name(), description: String::new(), rungs: vec![rung.clone()] };
    let question = Question {
        spec,
        sweep: &sweep,
        review: None,
        task: TaskClass::Diagnose,
        path: &row.area,
        rung: &rung,
        local: spec.says_local(&rung.provider),
        ladder: &ladder,
        further: false,
        // What is left of a budget is for reviews.
        optional: true,
        prompt,
        apart: "",
        fence: &fence,
        unmasked: "".into(),
        builtin: None,
        max_tokens: settings.max_tokens,
        masked,
    };
    let tried = match model::ask(ctx, info, question).await? {
        Said::Tried(tried) => tried,
        Said::Later(effects) => return Ok(Answered::Later(effects)),
        Said::PassOver(_) | Said::LeftOut(_) => {
            return Ok(Answered::Row(row, Effects::done()));
        }
    };
    let judged = tried.judge(|answer| {
        if answer.refused {
            return Err((Outcome::Refused, "the model declined".to_owned()));
        }
        observe::judge(&answer.text)
    });
    row.model = Some(rung.name());
    row.text = judged.verdict.ok();
    Ok(Answered::Row(row, Effects::done().with_all(judged.effects)))
}
