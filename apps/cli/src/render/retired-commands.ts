/** What the original client had and errand does not: what is to be done instead. */
export const retiredCommands: Readonly<Record<string, string>> = {
  account: 'There is no account: what it kept is in the project. Leave it away.',
  login: 'There is no account, and nothing to log in to. Leave it away.',
  logout: 'There is no account, and nothing to log out of. Leave it away.',
  workspace: 'There is no workspace: what it kept is in the project. Leave it away.',
  project: 'A project is a folder with aml_config: errand init FOLDER makes one.',
  env: 'Environments are those of the dependency files of a project: errand prepare -c NAME',
  service: 'Errand runs scripts and serves no models. errand download last brings the files of a run.',
  model: 'Errand runs scripts and registers no models. errand download last brings the files of a run.',
  manifest: 'Errand runs scripts and registers no models. errand download last brings the files of a run.',
  image: 'Images are built for runs alone: errand prepare -c NAME',
  notebook: 'Make a script of the notebook with jupyter nbconvert --to script, and submit that.',
  datasource: 'Read the data in the script: data sources and .dprep packages are not used.',
  asset: 'The files of a run are brought by errand download RUN.',
  'history promote': 'Bring the file into a folder of yours: errand download RUN --artifact PATH -d FOLDER',
}
