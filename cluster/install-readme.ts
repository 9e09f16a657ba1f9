import { installCheck } from './install-check.ts';
import { type InstallableBundle, installerImage } from './install-manifests.ts';
import { bundleFileName, jobName, reportConfigMapName } from './object-names.ts';
import { rendersRbac } from './rights.ts';
import { sampleNamespace, sampleSecret } from './sample-site.ts';
import { bundleDirectory, bundleNodeLabel } from './volume-manifests.ts';

/** README.md of `install/`, for somebody who has the tar, a cluster and a registry, and nothing of ours. */
export function installReadme(bundle: InstallableBundle): string {
  const { metadata, releases } = bundle;
  const file = bundleFileName(metadata);
  const job = jobName(metadata);
  const namespaces = [...new Set([sampleNamespace, ...releases.map(({ namespace }) => namespace.name)])];
  return `# Installing ${metadata.name} ${metadata.version}

This folder came out of a bundle: one tar that holds charts, images and an installer. A Job in your cluster checks the bundle,
pushes its images to your registry and installs with Helm. Nothing stays behind but the application, a ServiceAccount with the
rights in \`20-rights.yaml\`, and two small ConfigMaps.

You need: this cluster's \`kubectl\` with the right to create namespaces and roles, a registry that the nodes pull from, and a
shell on one node. Replace \`shop.tar\` by the name your file has.

${releaseList(bundle)}
${installCheck(bundle)}
## 1. The bundle, on one node

    tar xf shop.tar install
${bundle.installer === undefined ? '' : '    ctr -n k8s.io images import install/installer.tar\n'}    mkdir -p ${bundleDirectory}
    cp shop.tar ${bundleDirectory}/${file}
    chmod 644 ${bundleDirectory}/${file}

${installerText(bundle)}
## 2. The node, the namespaces, the credentials

Where \`kubectl\` works, with the name of that node for NODE. The label is how the Job finds the file:

    kubectl label node NODE ${bundleNodeLabel}=
    kubectl apply -f install/10-namespaces.yaml

    for namespace in ${namespaces.join(' ')}; do
      kubectl -n $namespace create secret docker-registry ${sampleSecret} \\
        --docker-server=registry.internal:5000 --docker-username=USER --docker-password=PASSWORD \\
        --dry-run=client -o yaml | kubectl apply -f -
    done

The Secret in \`${sampleNamespace}\` needs the right to push; the others only to pull. Pods get theirs by the \`default\` ServiceAccount
(\`40-pull-secrets.yaml\`); a chart that makes accounts of its own needs its own value for \`imagePullSecrets\` too.
${requiredObjects(bundle)}
## 3. The site

Edit \`30-site.yaml\`: at least \`registry.host\`.

## 4. Install

    kubectl apply -f install/
    kubectl -n ${sampleNamespace} logs --follow job/${job}

The verdict, and why if it failed, in one line to copy:

    kubectl -n ${sampleNamespace} get pods -l batch.kubernetes.io/job-name=${job} -o jsonpath='{.items[*].status.containerStatuses[*].state.terminated.message}{"\\n"}'

The whole report: \`kubectl -n ${sampleNamespace} get configmap ${reportConfigMapName(metadata)} -o jsonpath='{.data.report\\.json}'\`

## Run again

After a failure, or after a change of the site (apply it first). What was pushed is not pushed again; each run is a new revision
in \`helm history\`.

    kubectl apply -f install/30-site.yaml
    kubectl replace --force -f install/60-job.yaml

## Rights

\`20-rights.yaml\` holds what the Job may do: one Role for each namespace, computed from the kinds of objects that the charts
render; no wildcards. It may read the Secrets of those namespaces, because Helm keeps its releases in Secrets.
${rbacExplanation(bundle)}
## A bundle in volumes

Nothing has to be joined. In place of \`tar xf shop.tar install\`:

    cat shop.tar.[0-9]* | tar x install

and in place of \`cp\`, copy every volume, and \`shop.tar.parts.json\`, each with its number:

    for volume in shop.tar.*; do cp "$volume" ${bundleDirectory}/${file}\${volume#shop.tar}; done
    chmod 644 ${bundleDirectory}/${file}.*

The Job finds them by the name of the whole file. Where they lie in several directories, add \`--volumes\` and the directory to the
arguments in \`60-job.yaml\`, once for each.

## The bundle on a volume of your own

Put the claim's name into \`volumes\` of \`60-job.yaml\` and the file into \`--bundle\`, and delete \`50-volume.yaml\`.
`;
}

function releaseList({ releases }: InstallableBundle): string {
  const lines = releases.map(({ name, namespace }) => {
    const created = namespace.create ? '' : ', which must exist';
    return `- release \`${name}\` in namespace \`${namespace.name}\`${created}\n`;
  });
  return `It installs:\n\n${lines.join('')}`;
}

function requiredObjects({ releases }: InstallableBundle): string {
  const lines = releases.flatMap(({ name, namespace, values }) =>
    values.flatMap((layer) => {
      if ('text' in layer) return [];
      const [kind, key] = 'secret' in layer ? ['Secret', layer.secret] : ['ConfigMap', layer.configMap];
      const need = key.optional ? 'may have' : 'needs';
      return [
        `- release \`${name}\` ${need} the ${kind} \`${key.name}\` in namespace \`${namespace.name}\`, key \`${key.key}\`\n`,
      ];
    }),
  );
  return lines.length === 0 ? '' : `\nValues that are read from your cluster:\n\n${lines.join('')}`;
}

function rbacExplanation({ releases }: InstallableBundle): string {
  if (!rendersRbac(releases)) return '';
  return `
The charts bring Roles or bindings of their own. Kubernetes lets nobody hand out rights that he does not have, unless he may
\`escalate\` (write Roles) and \`bind\` (write bindings): the Job has these two where the charts need them, and nowhere else.
`;
}

/** Where the image of the Job comes from. */
function installerText(bundle: InstallableBundle): string {
  const image = `\`${installerImage(bundle)}\``;
  if (bundle.installer === undefined) {
    return `This bundle was built without the image of the Job, ${image}: bring it to that node yourself, or
push it to a registry and change \`image:\` in \`60-job.yaml\`.
`;
  }
  return `The import brings ${image}, the image of the Job. (k3s: \`k3s ctr images import\`; or push it to a registry and
change \`image:\` in \`60-job.yaml\`.)
`;
}
